internal import NIOCore
internal import NIOHPACK

/// What an end of an HTTP/2 connection is told.
enum HTTP2Input {
  /// Bytes of the peer, in order.
  case received(ByteBuffer, now: NIODeadline)
  /// A client's new stream, which must be `nextStream`: its headers; with a message, that is all
  /// there will be. *Precondition*: `mayOpen`.
  case open(StreamID, HeaderTemplate, HPACKHeaders, message: [UInt8]?)
  /// One gRPC message. `.sent` tells when it has gone.
  case message(StreamID, [UInt8])
  /// A client's last word on a stream.
  case halfClose(StreamID)
  /// A server's whole answer to a unary call: its one message, the status ok and more trailers.
  case answer(StreamID, [UInt8], trailers: HPACKHeaders)
  /// A server's last word on a stream; with `:status` when it is also the first.
  case finish(StreamID, HPACKHeaders)
  /// While held, the peer may send no more on the stream than it was allowed before.
  case hold(StreamID, Bool)
  /// Ends the stream at once; what waited to be sent is dropped.
  case reset(StreamID, HTTP2ErrorCode)
  case ping(UInt64)
  /// Says that streams after `last` will not be processed.
  case goAway(last: StreamID, HTTP2ErrorCode, text: String)
  /// So many bytes of messages the socket takes now.
  case writable(bytes: Int)
}

/// Why a stream is over.
enum StreamEnd: Equatable, Sendable {
  /// Both sides have said their last word.
  case complete
  /// The peer reset it.
  case reset(HTTP2ErrorCode)
  /// The peer broke a rule, and was told by a reset.
  case failed(HTTP2Failure)
  /// A GOAWAY said that the peer has not looked at it (RFC 9113 §6.8).
  case unprocessed
  /// We reset it.
  case abandoned
  /// Nothing of it was sent: the peer would not take its headers.
  case unsendable(limitBytes: Int)
}

/// What happened on a connection, in order.
enum HTTP2Event {
  /// Headers of the peer: a request, a response, or with `isLast` after messages the trailers.
  case headers(StreamID, HPACKHeaders, isLast: Bool)
  /// A part of the peer's messages.
  case data(StreamID, ByteBuffer, isLast: Bool)
  /// A message of so many bytes has left the stream's queue.
  case sent(StreamID, bytes: Int)
  /// Always the last of a stream, and given for each stream that was open.
  case closed(StreamID, StreamEnd)
  /// The peer's settings have changed; the first time they show that it speaks HTTP/2.
  case settings
  /// The peer asked; the answer is on its way.
  case ping
  case pingAnswer(UInt64)
  case goAway(HTTP2ErrorCode, text: String)
  /// The peer broke a rule of the connection: the GOAWAY that says so is the last that is sent.
  case failed(HTTP2Failure)
}

/// What an input brought about. The owner empties both parts.
struct HTTP2Output {
  var events: [HTTP2Event] = []
  /// For the socket.
  var bytes = ByteBuffer()
}

/// One end of an HTTP/2 connection (RFC 9113) as gRPC uses it: a value with one door.
///
/// It knows frames, streams and windows, and neither sockets nor clocks nor calls. Both roles are
/// here because they share all but the opening of streams. Not here: pushes, priorities and the
/// upgrade from HTTP/1.1.
struct HTTP2Core {
  enum Role { case server, client }

  let role: Role
  let limits: HTTP2Limits

  var reader: FrameReader
  var decoder: HeaderDecoder
  var encoder = HeaderEncoder()
  var streams = StreamTable<HTTP2Stream>()
  /// The highest stream that a client has opened.
  var lastStream = StreamID.connection
  /// A header block that is not whole.
  var block: OpenBlock?
  var recentResets: CircularBuffer<StreamID> = []

  // What the peer said.
  var hasPeerSettings = false
  var peerStreamWindow = 65_535
  var peerStreamLimit = Int.max
  var peerHeaderLimitBytes = Int.max

  // Flow control of the connection; the streams have their own.
  var sendWindow = 65_535
  var receiveWindow = 65_535
  /// Received and not yet given back.
  var consumedBytes = 0
  /// Frames of answers that were written, headers and pieces of messages alike; modulo 2⁶⁴.
  var payloadFrames: UInt64 = 0
  /// How many more bytes of messages the socket takes.
  var writableBytes = HTTP2Limits.portionBytes
  /// Streams that have something to send and a window for it, in turn.
  var waiting: CircularBuffer<StreamID> = []

  var resetRate = RateLimit(perHalfMinute: HTTP2Limits.resetsPerHalfMinute)
  var streamErrorRate = RateLimit(perHalfMinute: HTTP2Limits.streamErrorsPerHalfMinute)
  var pingRate = RateLimit(perHalfMinute: HTTP2Limits.pingsPerHalfMinute)
  var idleFrameRate = RateLimit(perHalfMinute: HTTP2Limits.idleFramesPerHalfMinute)

  /// A GOAWAY with an error was the last word: all input is dropped.
  private(set) var isOver = false

  /// Writes what opens a connection (RFC 9113 §3.4).
  init(_ role: Role, _ limits: HTTP2Limits, _ output: inout HTTP2Output) {
    precondition(limits.connectionWindow >= 65_535, "a window of \(limits.connectionWindow)")
    self.role = role
    self.limits = limits
    reader = FrameReader(expectsPreface: role == .server)
    decoder = HeaderDecoder(limitBytes: limits.headerLimitBytes)
    var settings = [
      HTTP2Setting(
        number: HTTP2Setting.maxHeaderListSize, value: UInt32(limits.headerLimitBytes)),
      HTTP2Setting(number: HTTP2Setting.initialWindowSize, value: UInt32(limits.streamWindow)),
    ]
    switch role {
    case .server:
      settings.append(
        HTTP2Setting(
          number: HTTP2Setting.maxConcurrentStreams, value: UInt32(limits.streamLimit)))
    case .client:
      output.bytes.writeBytes(FrameReader.preface)
      settings.append(HTTP2Setting(number: HTTP2Setting.enablePush, value: 0))
    }
    output.bytes.writeSettings(settings)
  }

  /// The number of a client's next stream.
  var nextStream: StreamID {
    StreamID(lastStream == .connection ? 1 : lastStream.number + 2)
  }

  /// Whether the peer takes one more stream now.
  var mayOpen: Bool { !isOver && streams.count < peerStreamLimit && !isUsedUp }

  /// True when the numbers have run out: a client needs another connection (RFC 9113 §5.1.1).
  var isUsedUp: Bool { lastStream >= StreamID.maximum }

  // MARK: The door

  mutating func step(_ input: HTTP2Input, _ output: inout HTTP2Output) {
    guard !isOver else { return }
    switch input {
    case .received(let bytes, let now):
      receive(bytes, now, &output)
    case .open(let id, let template, let fields, let message):
      open(id, template, fields, message, &output)
    case .message(let id, let bytes):
      send(.message(bytes, .reported), on: id, &output)
    case .halfClose(let id):
      send(.end, on: id, &output)
    case .answer(let id, let bytes, let trailers):
      answer(id, bytes, trailers, &output)
    case .finish(let id, let fields):
      send(.headers(fields), on: id, &output)
    case .hold(let id, let isHeld):
      hold(id, isHeld, &output)
    case .reset(let id, let code):
      abandon(id, code, &output)
    case .ping(let number):
      output.bytes.writePing(number, isAnswer: false)
    case .goAway(let last, let code, let text):
      output.bytes.writeGoAway(last: last, code, text)
    case .writable(let bytes):
      writableBytes = bytes
      pump(&output)
    }
  }

  /// RFC 9113 §5.4.1.
  mutating func fail(_ failure: HTTP2Failure, _ output: inout HTTP2Output) {
    isOver = true
    // A client's peer opens no streams.
    let last = role == .server ? lastStream : .connection
    output.bytes.writeGoAway(last: last, failure.code, failure.reason)
    output.events.append(.failed(failure))
  }

  // MARK: The end of a stream

  /// Takes the stream out and tells the owner.
  mutating func close(_ id: StreamID, _ end: StreamEnd, _ output: inout HTTP2Output) {
    guard streams.remove(id) != nil else { return }
    output.events.append(.closed(id, end))
    // Those that ended before their turn came are forgotten in time.
    if waiting.count > 2 * streams.count + 64 {
      let open = streams
      waiting.removeAll { open.slot(of: $0) == nil }
    }
  }

  /// Resets a stream whether we know it or not.
  mutating func reset(_ id: StreamID, _ code: HTTP2ErrorCode, _ output: inout HTTP2Output) {
    output.bytes.writeReset(id, code)
    if recentResets.count == HTTP2Limits.recentResetLimit { recentResets.removeFirst() }
    recentResets.append(id)
  }

  private mutating func abandon(
    _ id: StreamID, _ code: HTTP2ErrorCode, _ output: inout HTTP2Output
  ) {
    guard streams.slot(of: id) != nil else { return }
    reset(id, code, &output)
    close(id, .abandoned, &output)
  }
}

/// What one end knows of an open stream (RFC 9113 §5.1).
struct HTTP2Stream {
  var sendWindow: Int
  var receiveWindow: Int
  var consumedBytes = 0
  /// What was received is not given back to the peer's window.
  var isHeld = false
  /// What `content-length` promised and has not come; nil when it promised nothing.
  var missingBytes: Int?
  /// The headers that are no interim response.
  var hasReceivedHead = false
  var hasReceivedEnd = false
  var hasSentHead = false
  var hasSentEnd = false
  /// In `HTTP2Core.waiting`.
  var isWaiting = false
  var queue = SendQueue()
}

/// A header block whose last frame has not come (RFC 9113 §6.10).
struct OpenBlock {
  var stream: StreamID
  var isLast: Bool
  var bytes: ByteBuffer
  var frames = 1
}

/// What waits to be sent on a stream.
struct SendQueue {
  /// What goes with a message.
  enum Mark {
    case none
    /// `HTTP2Event.sent` when it has gone.
    case reported
    /// The end of our side, in the same frame.
    case last
  }

  enum Item {
    /// One gRPC message.
    case message([UInt8], Mark)
    /// The status ok: the last.
    case okTrailers(HPACKHeaders)
    /// The last.
    case headers(HPACKHeaders)
    /// The last.
    case end
  }

  private var items: [Item] = []
  /// The first that has not gone.
  private var head = 0
  /// How much of it has gone, when it is a message; its prefix counts.
  var position = 0

  var isEmpty: Bool { head == items.count }
  var first: Item? { isEmpty ? nil : items[head] }

  mutating func append(_ item: Item) { items.append(item) }

  mutating func removeFirst() {
    precondition(!isEmpty, "nothing waits")
    items[head] = .end
    head += 1
    position = 0
    if head == items.count {
      items = []
      head = 0
    } else if head > 64 && head * 2 > items.count {
      items.removeFirst(head)
      head = 0
    }
  }
}
