internal import NIOCore

/// Cuts a stream of bytes into gRPC's length-prefixed messages (grpc doc/PROTOCOL-HTTP2.md).
/// A message that arrives in one piece is a slice of it; only a split one is copied, once.
struct MessageReader {
  /// What is wrong with a stream, as grpc-go says it.
  enum Failure: Error, Equatable {
    case tooLarge(length: Int, limit: Int)
    case compressed
    case malformedFlag(UInt8)

    var status: RPCStatus {
      switch self {
      case .tooLarge(let length, let limit):
        RPCStatus(
          .resourceExhausted, "grpc: received message larger than max (\(length) vs. \(limit))")
      case .compressed:
        RPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")
      case .malformedFlag(let flag):
        RPCStatus(.internal, "grpc: received unexpected payload format \(flag)")
      }
    }
  }

  let limitBytes: Int
  private var buffer: ByteBuffer?

  init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  /// Bytes received that are no whole message yet.
  var bufferedBytes: Int { buffer?.readableBytes ?? 0 }

  mutating func append(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    if bufferedBytes == 0 {
      buffer = bytes
    } else {
      // The limit was checked when the prefix was read, so the room is bounded.
      if let prefix = peekPrefix(), prefix.length <= limitBytes {
        buffer!.reserveCapacity(minimumWritableBytes: max(0, prefix.length + 5 - bufferedBytes))
      }
      buffer!.writeImmutableBuffer(bytes)
    }
  }

  /// The next whole message, or nil when more bytes are needed. A message above the limit fails
  /// as soon as its length is known.
  mutating func next() throws(Failure) -> ByteBuffer? {
    guard let prefix = peekPrefix() else { return nil }
    guard prefix.flag <= 1 else { throw .malformedFlag(prefix.flag) }
    guard prefix.flag == 0 else { throw .compressed }
    guard prefix.length <= limitBytes else {
      throw .tooLarge(length: prefix.length, limit: limitBytes)
    }
    guard bufferedBytes >= 5 + prefix.length else { return nil }
    buffer!.moveReaderIndex(forwardBy: 5)
    let message = buffer!.readSlice(length: prefix.length)
    if bufferedBytes == 0 { buffer = nil }
    return message
  }

  private func peekPrefix() -> (flag: UInt8, length: Int)? {
    guard let buffer,
      let flag = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self),
      let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self)
    else { return nil }
    return (flag, Int(length))
  }

  /// The bytes of one message as they go out, in a buffer of exactly their size.
  static func frame(_ message: [UInt8], allocator: ByteBufferAllocator) -> ByteBuffer {
    precondition(message.count <= UInt32.max, "a message of \(message.count) bytes")
    var buffer = allocator.buffer(capacity: 5 + message.count)
    buffer.writeInteger(UInt8(0))
    buffer.writeInteger(UInt32(message.count))
    buffer.writeBytes(message)
    return buffer
  }
}
