internal import NIOCore
internal import NIOHPACK

/// One call on the client: from its headers to its outcome. Confined to the loop of its
/// connection, except for the send budget, which any thread may ask.
final class ClientCall: @unchecked Sendable {
  /// What is asked of a call from any thread.
  enum Action: Sendable {
    case start
    case message([UInt8])
    case halfClose
    /// So many bytes of messages were taken by whoever the stream is for.
    case consumed(Int)
    case cancel
  }

  /// Who is told, and what is sent.
  enum Kind: Sendable {
    case unary([UInt8], @Sendable (CallOutcome) -> Void)
    case stream(@Sendable (ClientStreamEvent) -> Void)
  }

  private enum Phase {
    case waiting
    /// The headers are on their way.
    case open(StreamID)
    case ended
  }

  let connection: RPCConnection
  let deadline: NIODeadline?
  private let method: String
  private let requestMetadata: Metadata
  private var kind: Kind
  private var phase = Phase.waiting
  private var reader: MessageReader
  private var metadata: Metadata?
  /// The one answer of a unary call.
  private var answer: ByteBuffer?
  /// nil in a unary call.
  private let sendBudget: SendBudget?
  /// What was asked before the stream was there; the send budget bounds it.
  private var unopened: [Action] = []
  /// Bytes of messages that may wait to be consumed before the server is held back; `nil`: whoever
  /// the stream is for takes what comes.
  private let unconsumedLimitBytes: Int?
  private var unconsumedBytes = 0
  private var isHeld = false

  init(
    connection: RPCConnection, method: String, metadata: Metadata, timeout: Duration?, kind: Kind,
    unconsumedLimitBytes: Int? = nil
  ) {
    self.unconsumedLimitBytes = unconsumedLimitBytes
    self.connection = connection
    self.method = method
    self.requestMetadata = metadata
    self.deadline = timeout.map { .now() + TimeAmount($0) }
    self.kind = kind
    self.reader = MessageReader(limitBytes: connection.settings.messageLimitBytes)
    self.sendBudget =
      switch kind {
      case .unary: nil
      case .stream: SendBudget(limitBytes: connection.settings.streamSendLimitBytes)
      }
  }

  var isWaiting: Bool { if case .waiting = phase { true } else { false } }
  var isEnded: Bool { if case .ended = phase { true } else { false } }

  // MARK: From any thread

  func send(_ message: [UInt8]) -> Bool {
    guard let sendBudget, sendBudget.take(message.count) else { return false }
    connection.inbox.put(.call(self, .message(message)))
    return true
  }

  func halfClose() {
    sendBudget?.close()
    connection.inbox.put(.call(self, .halfClose))
  }

  func consumed(_ bytes: Int) {
    connection.inbox.put(.call(self, .consumed(bytes)))
  }

  func cancel() {
    connection.inbox.put(.call(self, .cancel))
  }

  // MARK: On the loop

  func perform(_ action: Action) {
    switch (action, phase) {
    case (_, .ended):
      return
    case (.start, _):
      connection.begin(self)
    case (.message, .waiting), (.halfClose, .waiting):
      unopened.append(action)
    case (.message(let message), .open(let id)):
      connection.step(.message(id, message))
    case (.halfClose, .open(let id)):
      connection.step(.halfClose(id))
    case (.consumed(let bytes), _):
      pace(-bytes)
    case (.cancel, _):
      abort(RPCStatus(.cancelled, "context canceled"))
    }
  }

  /// Ends the call when its time is up at `now`.
  func expire(_ now: NIODeadline) {
    guard let deadline, deadline <= now else { return }
    abort(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
  }

  /// Ends a call that has no stream yet: nothing of it was sent.
  func endUnsent(_ status: RPCStatus) {
    end(CallOutcome(status, .neverSent))
  }

  /// Ends the call from our side and tells the server.
  private func abort(_ status: RPCStatus) {
    switch phase {
    case .waiting: endUnsent(status)
    case .open(let id):
      end(CallOutcome(status, .maybeSent))
      connection.step(.reset(id, .cancel))
    case .ended: return
    }
  }

  private func end(_ outcome: CallOutcome) {
    let wasOpen: Bool
    switch phase {
    case .waiting: wasOpen = false
    case .open: wasOpen = true
    case .ended: return
    }
    phase = .ended
    sendBudget?.close()
    connection.ended(wasOpen: wasOpen)
    var outcome = outcome
    outcome.metadata = metadata ?? Metadata()
    switch kind {
    case .unary(_, let completion):
      if outcome.status.code == .ok {
        if let answer {
          outcome.message = answer
        } else {
          outcome.status = RPCStatus(.internal, "the server sent no message")
        }
      }
      completion(outcome)
    case .stream(let onEvent):
      onEvent(.ended(outcome))
    }
    answer = nil
  }

  // MARK: Out

  /// Sends the call on the stream that it was given.
  func begin(_ id: StreamID) {
    guard case .waiting = phase else { preconditionFailure("a call with two streams") }
    phase = .open(id)
    var headers = requestMetadata.headers
    if let deadline {
      headers.add(name: "grpc-timeout", value: CallTimeout.format(deadline - .now()))
    }
    var whole: [UInt8]?
    if case .unary(let message, let completion) = kind {
      kind = .unary([], completion)
      whole = message
    }
    connection.step(.open(id, connection.template(method), headers, message: whole))
    guard !unopened.isEmpty else { return }
    let actions = unopened
    unopened = []
    for action in actions { perform(action) }
  }

  func sent(_ bytes: Int) {
    guard let sendBudget, sendBudget.release(bytes), case .stream(let onEvent) = kind else {
      return
    }
    if case .open = phase { onEvent(.writable) }
  }

  // MARK: In

  func received(_ bytes: ByteBuffer, isLast: Bool) {
    received(bytes)
    if isLast { endWithoutStatus() }
  }

  func received(_ headers: HPACKHeaders, isLast: Bool) {
    if case .ended = phase { return }
    let received = Metadata(headers: headers)
    if isLast { return receivedStatus(received) }
    let status = received.first(":status") ?? ""
    guard status == "200", RequestHead.isGRPC(received.first("content-type") ?? "") else {
      return abort(Self.status(ofHTTP: received))
    }
    metadata = received
    if case .stream(let onEvent) = kind, case .open = phase { onEvent(.metadata(received)) }
  }

  private func receivedStatus(_ trailers: Metadata) {
    guard let text = trailers.first("grpc-status"), let number = Int(text) else {
      return end(CallOutcome(Self.status(ofHTTP: trailers), .maybeSent, trailers: trailers))
    }
    let code = RPCStatusCode(rawValue: number) ?? .unknown
    let message = trailers.first("grpc-message").map(PercentEncoding.decode) ?? ""
    guard code != .ok || reader.bufferedBytes == 0 else {
      return end(CallOutcome(RPCStatus(.internal, "unexpected EOF"), .answered))
    }
    end(CallOutcome(RPCStatus(code, message), .answered, trailers: trailers))
  }

  private static func status(ofHTTP headers: Metadata) -> RPCStatus {
    let text = headers.first(":status") ?? ""
    let type = headers.first("content-type") ?? ""
    let code = Int(text).map { RPCStatusCode(httpStatus: $0) } ?? .internal
    return RPCStatus(
      code, "no gRPC status: HTTP status code \"\(text)\"; content-type \"\(type)\"")
  }

  private func received(_ bytes: ByteBuffer) {
    guard case .open = phase else { return }
    reader.append(bytes)
    do {
      while case .open = phase, let message = try reader.next() {
        deliver(message)
      }
    } catch {
      abort(error.status)
    }
  }

  private func deliver(_ message: ByteBuffer) {
    switch kind {
    case .unary:
      guard answer == nil else {
        return abort(RPCStatus(.internal, "received more than one message of a unary call"))
      }
      answer = message
    case .stream(let onEvent):
      pace(message.readableBytes)
      onEvent(.message(message))
    }
  }

  /// Counts messages that wait to be consumed. One that is still on its way is let in, however long
  /// it is, as long as those before it are within the limit.
  private func pace(_ bytes: Int) {
    guard let limit = unconsumedLimitBytes, case .open(let id) = phase else { return }
    unconsumedBytes += bytes
    precondition(unconsumedBytes >= 0, "\(-unconsumedBytes) bytes too many were consumed")
    let isHeld = unconsumedBytes > (self.isHeld ? limit / 2 : limit)
    guard isHeld != self.isHeld else { return }
    self.isHeld = isHeld
    connection.step(.hold(id, isHeld))
  }

  private func endWithoutStatus() {
    let text = "server closed the stream without sending trailers"
    end(CallOutcome(RPCStatus(.internal, text), .maybeSent))
  }

  /// The stream is over, and with it the call unless it had ended.
  func closed(_ end: StreamEnd) {
    switch end {
    case .complete, .abandoned:
      endWithoutStatus()
    case .reset(.refusedStream), .unprocessed:
      let text = "the server refused the call before it looked at it"
      self.end(CallOutcome(RPCStatus(.unavailable, text), .neverSent))
    case .reset(let code):
      let text = "stream terminated by RST_STREAM with error code: \(code)"
      self.end(CallOutcome(RPCStatus(Self.code(of: code), text), .maybeSent))
    case .failed(let failure):
      self.end(CallOutcome(RPCStatus(.internal, failure.reason), .maybeSent))
    case .unsendable(let limit):
      let text = "the call's headers are larger than the \(limit) bytes that the server takes"
      self.end(CallOutcome(RPCStatus(.internal, text), .neverSent))
    }
  }

  /// grpc doc/PROTOCOL-HTTP2.md, Errors.
  private static func code(of error: HTTP2ErrorCode) -> RPCStatusCode {
    switch error {
    case .refusedStream: .unavailable
    case .cancel: .cancelled
    case .enhanceYourCalm: .resourceExhausted
    case .inadequateSecurity: .permissionDenied
    default: .internal
    }
  }

  func lost() {
    let text = "the connection was lost while the call was in flight"
    let status = RPCStatus(.unavailable, text)
    switch phase {
    case .waiting: endUnsent(status)
    case .open: end(CallOutcome(status, .maybeSent))
    case .ended: break
    }
  }
}

/// A streaming call of a client.
public struct ClientStream: Sendable {
  let call: ClientCall

  /// Sends one message, after those sent before. False: it was not taken, because the server does
  /// not keep up or the call is over. In the first case `.writable` says when to go on.
  public func send(_ message: [UInt8]) -> Bool {
    call.send(message)
  }

  /// No more messages from us. The server may go on with its own.
  public func halfClose() {
    call.halfClose()
  }

  /// So many bytes of the messages that came were taken, and as many may follow. For a stream that
  /// was opened with a limit of what may wait.
  public func consumed(_ bytes: Int) {
    call.consumed(bytes)
  }

  /// Gives the call up; `.ended` follows with CANCELLED unless it had ended.
  public func cancel() {
    call.cancel()
  }
}
