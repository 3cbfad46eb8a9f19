import Base
import Raft
import Replica

/// Takes a connection's bytes as they come and gives its frames back.
///
/// It holds no more than one frame, what the last `receive` brought, and one message in pieces.
public struct FrameDecoder: Sendable {
  /// A long message of which some pieces have come.
  private struct Partial: Sendable {
    var number: UInt64
    var totalBytes: Int
    var bytes: [UInt8]
  }

  public let limits: WireLimits
  private var buffer: [UInt8] = []
  /// What of `buffer` is read already.
  private var position = 0
  private var partial: Partial?
  private var failure: WireError?

  public init(limits: WireLimits = WireLimits()) { self.limits = limits }

  /// Takes bytes in; read all frames before the next ones, so that they do not pile up.
  public mutating func receive(_ bytes: UnsafeRawBufferPointer) {
    if position == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      position = 0
    } else if position > limits.frameBytes {
      buffer.removeFirst(position)
      position = 0
    }
    buffer.append(contentsOf: bytes)
  }

  public mutating func receive(_ bytes: [UInt8]) { bytes.withUnsafeBytes { receive($0) } }

  /// The next whole frame; `nil`: more bytes are needed. After an error the connection is over,
  /// and the same error comes again.
  public mutating func next() throws(WireError) -> Frame? {
    if let failure { throw failure }
    do throws(WireError) {
      while let (kind, payload) = try nextPayload() {
        if let frame = try frame(kind, payload) { return frame }
      }
      return nil
    } catch {
      failure = error
      throw error
    }
  }

  private mutating func nextPayload() throws(WireError) -> (FrameHeader.Kind, [UInt8])? {
    guard buffer.count - position >= FrameHeader.byteCount else { return nil }
    let header = try header()
    let start = position + FrameHeader.byteCount
    guard buffer.count - start >= header.payloadBytes else { return nil }
    let payload = buffer[start..<start + header.payloadBytes]
    guard isWhole(payload, header) else { throw .damaged }
    position = start + header.payloadBytes
    return (header.kind, Array(payload))
  }

  private func isWhole(_ payload: ArraySlice<UInt8>, _ header: FrameHeader) -> Bool {
    var crc = CRC32C()
    crc.update(payload)
    return crc.value == header.payloadChecksum
  }

  private func header() throws(WireError) -> FrameHeader {
    let result = buffer.withUnsafeBytes { bytes -> Result<FrameHeader, WireError> in
      let covered = UnsafeRawBufferPointer(
        rebasing: bytes[position..<position + FrameHeader.byteCount])
      return Result { () throws(WireError) in try FrameHeader(covered, limits: limits) }
    }
    return try result.get()
  }

  /// `nil`: a piece, and more are to come.
  private mutating func frame(
    _ kind: FrameHeader.Kind, _ payload: [UInt8]
  ) throws(WireError) -> Frame? {
    switch kind {
    case .hello: return .hello(try Hello(decoding: payload))
    case .message: return .message(try PeerMessage(decoding: payload))
    case .piece:
      guard let whole = try join(payload) else { return nil }
      return .message(try PeerMessage(decoding: whole))
    case .joinQuery: return .joinQuery(try JoinQuery(decoding: payload))
    case .joinAnswer: return .joinAnswer(try JoinAnswer(decoding: payload))
    case .snapshotHeader, .snapshotChunk, .snapshotEnd, .snapshotAccepted, .snapshotRejected,
      .snapshotWorking:
      return .snapshot(try SnapshotFrame(kind, decoding: payload))
    }
  }

  /// Adds a piece to its message. Returns the message when this was the last one.
  private mutating func join(_ payload: [UInt8]) throws(WireError) -> [UInt8]? {
    let piece = try Piece(decoding: payload)
    guard piece.totalBytes <= limits.messageBytes else {
      throw .messageTooLong(bytes: piece.totalBytes, limitBytes: limits.messageBytes)
    }
    var message =
      partial ?? Partial(number: piece.number, totalBytes: piece.totalBytes, bytes: [])
    partial = nil
    guard piece.number == message.number, piece.totalBytes == message.totalBytes,
      piece.offset == message.bytes.count, !piece.bytes.isEmpty,
      piece.bytes.count <= message.totalBytes - message.bytes.count
    else { throw .piecesDisagree }
    message.bytes += piece.bytes
    if message.bytes.count == message.totalBytes { return message.bytes }
    partial = message
    return nil
  }
}

/// A part of a long message, as it came.
private struct Piece {
  var number: UInt64
  var totalBytes: Int
  var offset: Int
  var bytes: ArraySlice<UInt8>

  init(decoding payload: [UInt8]) throws(WireError) {
    do throws(CodingError) {
      var reader = ByteReader(payload)
      number = try reader.readUInt64()
      totalBytes = Int(try reader.readUInt32())
      offset = Int(try reader.readUInt32())
      bytes = payload[MessagePieces.prefixBytes...]
    } catch {
      throw .malformed(error)
    }
  }
}
