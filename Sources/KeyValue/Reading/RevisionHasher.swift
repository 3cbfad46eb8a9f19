import Base

/// etcd's HashKV of a revision, fed row by row, so that members and etcd itself can be compared
/// (etcd 3.4 mvcc/kvstore.go HashByRev, 3.5 mvcc/hash.go).
///
/// It covers what compaction at that revision would keep, and every later change up to it.
public struct RevisionHasher: Sendable {
  /// The revision that it is the hash of.
  public let revision: Int64
  public let compactRevision: Int64
  private let readView: ReadView
  /// At or before the compact revision, a row counts if it is what this revision sees of its key.
  private let keptAt: Int64
  private var last: RowNumber = 0
  private var crc = CRC32C()

  /// `revision` zero: the newest.
  ///
  /// *Throws* when the revision was compacted or does not exist yet.
  public init(readView: ReadView, revision: Int64) throws(CommandError) {
    let meta = readView.meta
    if revision > 0 && revision <= meta.compactRevision { throw .compacted }
    if revision > meta.revision { throw .futureRevision }
    self.readView = readView
    self.revision = revision == 0 ? meta.revision : revision
    compactRevision = meta.compactRevision
    // With no key left to keep, etcd hashes every row it finds: those that the compaction kept.
    var keepsAny = false
    readView.state.index.visit(.everything, at: self.revision) { _, _, _ in
      keepsAny = true
      return false
    }
    keptAt = keepsAny ? self.revision : meta.compactRevision
    crc.update([UInt8]("key".utf8))
  }

  /// The rows to feed: all that the table and memory hold, up to this number.
  public var lastRow: RowNumber { readView.meta.lastRow }

  /// The next row. *Precondition*: numbers ascend.
  public mutating func add(_ row: Row) {
    precondition(row.number > last, "row \(row.number) after row \(last)")
    last = row.number
    guard row.modRevision <= revision else { return }
    if row.modRevision <= compactRevision {
      let kept = readView.state.index.version(of: row.key, at: keptAt)
      guard kept?.number == row.number else { return }
    }
    crc.update(RevisionHasher.revisionKey(of: row))
    crc.update(RevisionHasher.message(of: row))
  }

  /// The hash over the rows fed so far.
  public func finish() -> UInt32 { crc.value }

  /// etcd revision.go revToBytes: main, '_', sub, and 't' for a tombstone.
  private static func revisionKey(of row: Row) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(18)
    append(row.modRevision, to: &bytes)
    bytes.append(UInt8(ascii: "_"))
    append(row.subRevision, to: &bytes)
    if row.isTombstone { bytes.append(UInt8(ascii: "t")) }
    return bytes
  }

  private static func append(_ number: Int64, to bytes: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
    }
  }

  /// etcd kv.proto KeyValue in protobuf's encoding; a tombstone has only its key.
  private static func message(of row: Row) -> [UInt8] {
    var writer = ByteWriter(reserving: row.key.count + row.value.count + 40)
    writer.field(0x0A, row.key)
    if !row.isTombstone {
      writer.field(0x10, row.createRevision)
      writer.field(0x18, row.modRevision)
      writer.field(0x20, row.version)
      writer.field(0x2A, row.value)
      writer.field(0x30, row.lease)
    }
    return writer.bytes
  }
}

extension ByteWriter {
  /// A protobuf field of bytes; none when empty.
  fileprivate mutating func field(_ tag: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    write(tag)
    write(varintCounted: value)
  }

  /// A protobuf field of a number; none when zero.
  fileprivate mutating func field(_ tag: UInt8, _ value: Int64) {
    guard value != 0 else { return }
    write(tag)
    write(varint: UInt64(bitPattern: value))
  }
}
