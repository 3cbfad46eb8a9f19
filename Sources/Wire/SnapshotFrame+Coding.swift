import Raft
import Base

extension SnapshotFrame {
  var kind: FrameHeader.Kind {
    switch self {
    case .header: .snapshotHeader
    case .chunk: .snapshotChunk
    case .end: .snapshotEnd
    case .accepted: .snapshotAccepted
    case .rejected: .snapshotRejected
    case .working: .snapshotWorking
    }
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .header(let header):
      writer.write(header.term)
      header.base.encode(into: &writer)
      writer.write(counted: header.meta)
    case .chunk(let chunk):
      writer = ByteWriter(reserving: chunk.bytes.count + 12)
      writer.write(chunk.number)
      writer.write(counted: chunk.bytes)
    case .end(let end):
      writer.write(end.chunks)
      writer.write(end.checksum)
    case .accepted(let base): base.encode(into: &writer)
    case .rejected(let rejection): writer.write(rejection.rawValue)
    case .working: break
    }
    return writer.bytes
  }

  /// *Precondition*: the kind is one of a snapshot stream.
  init(_ kind: FrameHeader.Kind, decoding payload: [UInt8]) throws(WireError) {
    do throws(CodingError) {
      var reader = ByteReader(payload)
      switch kind {
      case .snapshotHeader:
        let term = try reader.readTerm()
        let base = try reader.readBase()
        self = .header(Header(term: term, base: base, meta: try reader.readCounted()))
      case .snapshotChunk:
        let number = try reader.readUInt64()
        self = .chunk(Chunk(number: number, bytes: try reader.readCounted()))
      case .snapshotEnd:
        let chunks = try reader.readUInt64()
        self = .end(End(chunks: chunks, checksum: try reader.readUInt32()))
      case .snapshotAccepted: self = .accepted(try reader.readBase())
      case .snapshotRejected:
        guard let rejection = Rejection(rawValue: try reader.readUInt8()) else {
          throw .malformed(field: "snapshot.rejection")
        }
        self = .rejected(rejection)
      case .snapshotWorking: self = .working
      case .hello, .message, .piece, .joinQuery, .joinAnswer:
        preconditionFailure("\(kind) is no frame of a snapshot")
      }
      try reader.finish()
    } catch {
      throw .malformed(error)
    }
  }
}
