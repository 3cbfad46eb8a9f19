import Base
import Raft
import Replica

extension Frame {
  /// Appends the frame, a long message as its pieces.
  /// *Precondition*: a hello or a snapshot frame fits into one payload, a message into
  /// `limits.messageBytes`.
  public func encode(into bytes: inout [UInt8], limits: WireLimits = WireLimits()) {
    switch self {
    case .hello(let hello):
      FrameHeader.append(.hello, hello.encoded()[...], to: &bytes, limits: limits)
    case .message(let message):
      var pieces = MessagePieces(message, number: 0, limits: limits)
      while pieces.append(to: &bytes) {}
    case .joinQuery(let joinQuery):
      FrameHeader.append(.joinQuery, joinQuery.encoded()[...], to: &bytes, limits: limits)
    case .joinAnswer(let answer):
      FrameHeader.append(.joinAnswer, answer.encoded()[...], to: &bytes, limits: limits)
    case .snapshot(let frame):
      FrameHeader.append(frame.kind, frame.encoded()[...], to: &bytes, limits: limits)
    }
  }
}

/// One message on its way into frames: into one, or into as many pieces as it needs.
///
/// A piece's payload: the message's number and length, the piece's offset, its bytes.
struct MessagePieces: Sendable {
  static let prefixBytes = 16

  private let payload: [UInt8]
  private let number: UInt64
  private let limits: WireLimits
  private var offset = 0

  /// `number` parts this message from others in pieces on the same connection.
  init(_ message: PeerMessage, number: UInt64, limits: WireLimits) {
    payload = message.encoded()
    self.number = number
    self.limits = limits
    precondition(
      payload.count <= limits.messageBytes,
      "a message of \(payload.count) bytes exceeds \(limits.messageBytes)")
  }

  var remainingBytes: Int { payload.count - offset }

  /// Appends the next frame. Returns whether there is another one.
  mutating func append(to bytes: inout [UInt8]) -> Bool {
    if payload.count <= limits.frameBytes {
      FrameHeader.append(.message, payload[...], to: &bytes, limits: limits)
      offset = payload.count
      return false
    }
    let count = min(limits.frameBytes - Self.prefixBytes, payload.count - offset)
    var piece = ByteWriter(reserving: Self.prefixBytes + count)
    piece.write(number)
    piece.write(UInt32(payload.count))
    piece.write(UInt32(offset))
    piece.write(raw: Array(payload[offset..<offset + count]))
    FrameHeader.append(.piece, piece.bytes[...], to: &bytes, limits: limits)
    offset += count
    return offset < payload.count
  }
}
