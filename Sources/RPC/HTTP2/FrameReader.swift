internal import NIOCore

/// Cuts what arrives on a connection into frames (RFC 9113 §4, §6).
///
/// A payload that arrives in one piece is a slice of what arrived. Only the one frame that lies
/// across two reads is copied, so at most one frame is ever held back.
struct FrameReader {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// What must still come before the first frame (RFC 9113 §3.4).
  private var preface: ArraySlice<UInt8>
  private var input = ByteBuffer()
  /// The beginning of a frame whose end has not arrived.
  private var partial = ByteBuffer()

  init(expectsPreface: Bool) {
    preface = expectsPreface ? Self.preface[...] : []
  }

  /// *Precondition*: `next` has returned nil since the last bytes.
  mutating func append(_ bytes: ByteBuffer) {
    precondition(input.readableBytes == 0, "\(input.readableBytes) bytes were left unread")
    input = bytes
  }

  /// The next whole frame, or nil when more bytes are needed. *Throws* what ends the connection.
  mutating func next() throws(HTTP2Failure) -> HTTP2Frame? {
    if !preface.isEmpty { try readPreface() }
    guard partial.readableBytes == 0 else { return try nextAcrossReads() }
    guard let head = FrameHead(peekingInto: input) else {
      keepRest()
      return nil
    }
    try Self.check(head)
    guard input.readableBytes >= FrameHead.size + head.length else {
      keepRest()
      return nil
    }
    input.moveReaderIndex(forwardBy: FrameHead.size)
    return try Self.frame(head, Self.take(head.length, of: &input))
  }

  private mutating func readPreface() throws(HTTP2Failure) {
    while let expected = preface.first, let byte = input.readInteger(as: UInt8.self) {
      guard byte == expected else { throw HTTP2Failure(.protocolError, "no HTTP/2 preface") }
      preface.removeFirst()
    }
  }

  private mutating func nextAcrossReads() throws(HTTP2Failure) -> HTTP2Frame? {
    fillPartial(to: FrameHead.size)
    guard let head = FrameHead(peekingInto: partial) else { return nil }
    try Self.check(head)
    fillPartial(to: FrameHead.size + head.length)
    guard partial.readableBytes == FrameHead.size + head.length else { return nil }
    var whole = ByteBuffer()
    swap(&whole, &partial)
    whole.moveReaderIndex(forwardBy: FrameHead.size)
    return try Self.frame(head, whole)
  }

  private mutating func fillPartial(to size: Int) {
    let count = min(max(0, size - partial.readableBytes), input.readableBytes)
    guard count > 0 else { return }
    partial.reserveCapacity(minimumWritableBytes: size - partial.readableBytes)
    partial.writeImmutableBuffer(Self.take(count, of: &input))
    // A read that is used up is free for the next one.
    if input.readableBytes == 0 { input = ByteBuffer() }
  }

  private mutating func keepRest() {
    if input.readableBytes > 0 { partial.writeImmutableBuffer(input) }
    input = ByteBuffer()
  }

  private static func take(_ count: Int, of bytes: inout ByteBuffer) -> ByteBuffer {
    guard let slice = bytes.readSlice(length: count) else {
      preconditionFailure("\(count) bytes of \(bytes.readableBytes)")
    }
    return slice
  }

  // MARK: One frame

  /// What can be said against a frame before its payload is there.
  private static func check(_ head: FrameHead) throws(HTTP2Failure) {
    guard head.length <= FrameHead.payloadLimitBytes else {
      throw HTTP2Failure(.frameSizeError, "a frame of \(head.length) bytes")
    }
    let needsStream: Bool
    let sizes: ClosedRange<Int>
    switch head.kind {
    case FrameHead.Kind.data, FrameHead.Kind.headers, FrameHead.Kind.continuation:
      (needsStream, sizes) = (true, 0...FrameHead.payloadLimitBytes)
    case FrameHead.Kind.priority: (needsStream, sizes) = (true, 0...FrameHead.payloadLimitBytes)
    case FrameHead.Kind.reset: (needsStream, sizes) = (true, 4...4)
    case FrameHead.Kind.settings:
      let most = head.has(FrameHead.Flag.acknowledge) ? 0 : FrameHead.payloadLimitBytes
      (needsStream, sizes) = (false, 0...most)
    case FrameHead.Kind.ping: (needsStream, sizes) = (false, 8...8)
    case FrameHead.Kind.goAway: (needsStream, sizes) = (false, 8...FrameHead.payloadLimitBytes)
    case FrameHead.Kind.windowUpdate:
      guard head.length == 4 else { throw sizeFailure(head) }
      return
    default: return
    }
    guard sizes.contains(head.length) else { throw sizeFailure(head) }
    guard needsStream == (head.stream != .connection) else {
      let text = "a frame of type \(head.kind) on stream \(head.stream.number)"
      throw HTTP2Failure(.protocolError, text)
    }
  }

  private static func sizeFailure(_ head: FrameHead) -> HTTP2Failure {
    HTTP2Failure(.frameSizeError, "a frame of type \(head.kind) with \(head.length) bytes")
  }

  private static func frame(
    _ head: FrameHead, _ payload: ByteBuffer
  ) throws(HTTP2Failure) -> HTTP2Frame {
    var payload = payload
    switch head.kind {
    case FrameHead.Kind.data:
      try removePadding(head, &payload)
      return .data(
        head.stream, payload, flowBytes: head.length,
        isLast: head.has(FrameHead.Flag.endStream))
    case FrameHead.Kind.headers:
      try removePadding(head, &payload)
      if head.has(FrameHead.Flag.priority) {
        guard payload.readableBytes >= 5 else { throw sizeFailure(head) }
        payload.moveReaderIndex(forwardBy: 5)
      }
      return .headers(
        head.stream, payload, isLast: head.has(FrameHead.Flag.endStream),
        isWhole: head.has(FrameHead.Flag.endHeaders))
    case FrameHead.Kind.continuation:
      return .continuation(
        head.stream, payload, isWhole: head.has(FrameHead.Flag.endHeaders))
    default:
      return try controlFrame(head, &payload)
    }
  }

  private static func controlFrame(
    _ head: FrameHead, _ payload: inout ByteBuffer
  ) throws(HTTP2Failure) -> HTTP2Frame {
    switch head.kind {
    case FrameHead.Kind.priority:
      return .priority(head.stream, isMalformed: head.length != 5)
    case FrameHead.Kind.reset:
      return .reset(head.stream, HTTP2ErrorCode(rawValue: read(&payload)))
    case FrameHead.Kind.settings:
      if head.has(FrameHead.Flag.acknowledge) { return .settingsAcknowledged }
      guard head.length % 6 == 0 else { throw sizeFailure(head) }
      var settings: [HTTP2Setting] = []
      while payload.readableBytes > 0 {
        settings.append(HTTP2Setting(number: read(&payload), value: read(&payload)))
      }
      return .settings(settings)
    case FrameHead.Kind.pushPromise:
      return .pushPromise
    case FrameHead.Kind.ping:
      let number: UInt64 = read(&payload)
      return head.has(FrameHead.Flag.acknowledge) ? .pingAnswer(number) : .ping(number)
    case FrameHead.Kind.goAway:
      let last = StreamID(read(&payload) & 0x7FFF_FFFF)
      return .goAway(last: last, HTTP2ErrorCode(rawValue: read(&payload)), payload)
    case FrameHead.Kind.windowUpdate:
      let increment: UInt32 = read(&payload)
      return .windowUpdate(head.stream, increment: Int(increment & 0x7FFF_FFFF))
    default:
      return .unknown
    }
  }

  /// *Precondition*: `check` has seen that the payload is long enough.
  private static func read<Number: FixedWidthInteger>(_ payload: inout ByteBuffer) -> Number {
    guard let number = payload.readInteger(as: Number.self) else {
      preconditionFailure("\(payload.readableBytes) bytes are left of a frame")
    }
    return number
  }

  /// RFC 9113 §6.1: the padding is shorter than what it pads, its own length included.
  private static func removePadding(
    _ head: FrameHead, _ payload: inout ByteBuffer
  ) throws(HTTP2Failure) {
    guard head.has(FrameHead.Flag.padded) else { return }
    guard let padding = payload.readInteger(as: UInt8.self) else { throw sizeFailure(head) }
    guard let rest = payload.readSlice(length: payload.readableBytes - Int(padding)) else {
      throw HTTP2Failure(.protocolError, "\(padding) bytes of padding in \(head.length)")
    }
    payload = rest
  }
}
