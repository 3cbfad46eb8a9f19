import Base
import KeyValue
import Raft
import Replica

/// What members say of their states (Docs/WireFormat.md).
extension DigestReport {
  /// More parts than any mark has.
  private static let rangeLimit = 1_024

  func encode(into writer: inout ByteWriter) {
    writer.write(mark.index)
    writer.write(UInt64(bitPattern: mark.revision))
    let lanes = mark.digest.lanes
    for lane in [lanes.0, lanes.1, lanes.2, lanes.3] { writer.write(lane) }
    writer.write(isDamaged)
    writer.write(UInt64(bitPattern: mark.purgedRevision))
    writer.write(count: mark.ranges.count)
    for range in mark.ranges {
      writer.write(UInt64(bitPattern: range.throughRow))
      writer.write(UInt64(bitPattern: range.throughRevision))
      writer.write(range.digest)
    }
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    let index = try reader.readUInt64()
    let revision = Int64(bitPattern: try reader.readUInt64())
    let lanes = (
      try reader.readUInt64(), try reader.readUInt64(), try reader.readUInt64(),
      try reader.readUInt64()
    )
    let isDamaged = try reader.readFlag()
    let purged = Int64(bitPattern: try reader.readUInt64())
    let count = try reader.readCount(each: 24)
    guard count <= Self.rangeLimit, revision >= 0 else {
      throw .malformed(field: "digest.ranges")
    }
    var ranges: [DigestMark.Range] = []
    for _ in 0..<count {
      let row = Int64(bitPattern: try reader.readUInt64())
      let revision = Int64(bitPattern: try reader.readUInt64())
      ranges.append(
        DigestMark.Range(
          throughRow: row, throughRevision: revision, digest: try reader.readUInt64()))
    }
    self.init(
      mark: DigestMark(
        index: index, revision: revision, digest: StateDigest(lanes: lanes),
        purgedRevision: purged, ranges: ranges),
      isDamaged: isDamaged)
  }
}

extension Divergence {
  func encode(into writer: inout ByteWriter) {
    writer.write(member.number)
    writer.write(index)
    writer.write(UInt64(bitPattern: revisions.lowerBound))
    writer.write(UInt64(bitPattern: revisions.upperBound))
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    let member = MemberID(try reader.readUInt64())
    let index = try reader.readLogIndex()
    let first = Int64(bitPattern: try reader.readUInt64())
    let last = Int64(bitPattern: try reader.readUInt64())
    guard first <= last else { throw .malformed(field: "diverged.revisions") }
    self.init(member: member, index: index, revisions: first...last)
  }
}
