internal import NIOCore

/// The number of a stream on its connection; zero stands for the connection itself
/// (RFC 9113 §5.1.1).
struct StreamID: Hashable, Comparable, Sendable {
  var number: UInt32

  init(_ number: UInt32) { self.number = number }

  static let connection = StreamID(0)
  static let maximum = StreamID(0x7FFF_FFFF)

  /// Clients open odd ones; even ones are a server's pushes, and zero is neither.
  var isClients: Bool { number % 2 == 1 }

  static func < (left: StreamID, right: StreamID) -> Bool { left.number < right.number }
}

/// RFC 9113 §7.
struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  var rawValue: UInt32

  static let noError = HTTP2ErrorCode(rawValue: 0)
  static let protocolError = HTTP2ErrorCode(rawValue: 1)
  static let internalError = HTTP2ErrorCode(rawValue: 2)
  static let flowControlError = HTTP2ErrorCode(rawValue: 3)
  static let streamClosed = HTTP2ErrorCode(rawValue: 5)
  static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
  static let refusedStream = HTTP2ErrorCode(rawValue: 7)
  static let cancel = HTTP2ErrorCode(rawValue: 8)
  static let compressionError = HTTP2ErrorCode(rawValue: 9)
  static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
  static let inadequateSecurity = HTTP2ErrorCode(rawValue: 12)

  private static let names = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
  ]

  var description: String {
    rawValue < UInt32(Self.names.count) ? Self.names[Int(rawValue)] : "error \(rawValue)"
  }
}

/// What ends a connection: the code and the text of the GOAWAY (RFC 9113 §5.4.1).
struct HTTP2Failure: Error, Equatable, Sendable {
  var code: HTTP2ErrorCode
  var reason: String

  init(_ code: HTTP2ErrorCode, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}

/// One setting as sent (RFC 9113 §6.5.1).
struct HTTP2Setting: Equatable, Sendable {
  var number: UInt16
  var value: UInt32

  static let headerTableSize: UInt16 = 1
  static let enablePush: UInt16 = 2
  static let maxConcurrentStreams: UInt16 = 3
  static let initialWindowSize: UInt16 = 4
  static let maxFrameSize: UInt16 = 5
  static let maxHeaderListSize: UInt16 = 6
}

/// A frame as received, its length and its stream held to RFC 9113 §6; the padding is off.
enum HTTP2Frame: Equatable, Sendable {
  /// `flowBytes` counts the padding: it is what flow control counts (RFC 9113 §6.1).
  case data(StreamID, ByteBuffer, flowBytes: Int, isLast: Bool)
  /// A piece of a header block; `isWhole` is END_HEADERS.
  case headers(StreamID, ByteBuffer, isLast: Bool, isWhole: Bool)
  /// Deprecated and ignored (RFC 9113 §5.3.2), but for its length.
  case priority(StreamID, isMalformed: Bool)
  case reset(StreamID, HTTP2ErrorCode)
  case settings([HTTP2Setting])
  case settingsAcknowledged
  case pushPromise
  case ping(UInt64)
  case pingAnswer(UInt64)
  case goAway(last: StreamID, HTTP2ErrorCode, ByteBuffer)
  case windowUpdate(StreamID, increment: Int)
  case continuation(StreamID, ByteBuffer, isWhole: Bool)
  /// Of a type that we do not know; ignored (RFC 9113 §4.1).
  case unknown
}

/// The nine bytes before each frame's payload (RFC 9113 §4.1).
struct FrameHead: Equatable, Sendable {
  static let size = 9
  /// What both ends take until a setting says more (RFC 9113 §4.2). We never say more.
  static let payloadLimitBytes = 16_384

  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
  }

  enum Flag {
    static let endStream: UInt8 = 1
    static let acknowledge: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 32
  }

  var length: Int
  var kind: UInt8
  var flags: UInt8
  var stream: StreamID

  func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
}

extension FrameHead {
  /// Reads the head that begins at the reader's index without moving it; nil when it is not whole.
  init?(peekingInto bytes: ByteBuffer) {
    let start = bytes.readerIndex
    guard bytes.readableBytes >= Self.size,
      let first = bytes.getInteger(at: start, as: UInt64.self),
      let last = bytes.getInteger(at: start + 8, as: UInt8.self)
    else { return nil }
    length = Int(first >> 40)
    kind = UInt8(truncatingIfNeeded: first >> 32)
    flags = UInt8(truncatingIfNeeded: first >> 24)
    // The highest bit is reserved and ignored.
    stream = StreamID(UInt32(truncatingIfNeeded: first << 8 | UInt64(last)) & 0x7FFF_FFFF)
  }
}

extension ByteBuffer {
  mutating func writeFrameHead(
    length: Int, kind: UInt8, flags: UInt8 = 0, stream: StreamID
  ) {
    let number = UInt64(stream.number)
    let first = UInt64(length) << 40 | UInt64(kind) << 32 | UInt64(flags) << 24 | number >> 8
    writeMultipleIntegers(first, UInt8(truncatingIfNeeded: number))
  }

  mutating func writeSettings(_ settings: [HTTP2Setting]) {
    writeFrameHead(
      length: 6 * settings.count, kind: FrameHead.Kind.settings, stream: .connection)
    for setting in settings { writeMultipleIntegers(setting.number, setting.value) }
  }

  mutating func writeSettingsAcknowledgement() {
    writeFrameHead(
      length: 0, kind: FrameHead.Kind.settings, flags: FrameHead.Flag.acknowledge,
      stream: .connection)
  }

  mutating func writePing(_ number: UInt64, isAnswer: Bool) {
    writeFrameHead(
      length: 8, kind: FrameHead.Kind.ping, flags: isAnswer ? FrameHead.Flag.acknowledge : 0,
      stream: .connection)
    writeInteger(number)
  }

  mutating func writeReset(_ stream: StreamID, _ code: HTTP2ErrorCode) {
    writeFrameHead(length: 4, kind: FrameHead.Kind.reset, stream: stream)
    writeInteger(code.rawValue)
  }

  mutating func writeWindowUpdate(_ stream: StreamID, by increment: Int) {
    writeFrameHead(length: 4, kind: FrameHead.Kind.windowUpdate, stream: stream)
    writeInteger(UInt32(increment))
  }

  /// The text is cut to what fits into the smallest frame that a peer must take.
  mutating func writeGoAway(last: StreamID, _ code: HTTP2ErrorCode, _ text: String) {
    let bytes = text.utf8.prefix(1_000)
    writeFrameHead(
      length: 8 + bytes.count, kind: FrameHead.Kind.goAway, stream: .connection)
    writeMultipleIntegers(last.number, code.rawValue)
    writeBytes(bytes)
  }
}
