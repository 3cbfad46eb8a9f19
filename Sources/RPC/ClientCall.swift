internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// One call on the client: from its headers to its outcome. Confined to the loop of its
/// connection, except for the send budget, which any thread may ask.
final class ClientCall: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  /// What is asked of a call from any thread.
  enum Action: Sendable {
    case start
    case message([UInt8])
    case halfClose
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
    case open
    case ended
  }

  let connection: RPCConnection
  let deadline: NIODeadline?
  private let method: String
  private let requestMetadata: Metadata
  private var kind: Kind
  private var phase = Phase.waiting
  private var context: ChannelHandlerContext?
  private var reader: MessageReader
  private var metadata: Metadata?
  private var wasReset = false
  /// The one answer of a unary call.
  private var answer: ByteBuffer?
  private let sendBudget: SendBudget
  /// What was asked before the channel was there; the send budget bounds it.
  private var unopened: [Action] = []

  init(
    connection: RPCConnection, method: String, metadata: Metadata, timeout: Duration?, kind: Kind
  ) {
    self.connection = connection
    self.method = method
    self.requestMetadata = metadata
    self.deadline = timeout.map { .now() + TimeAmount($0) }
    self.kind = kind
    self.reader = MessageReader(limitBytes: connection.settings.messageLimitBytes)
    self.sendBudget = SendBudget(limitBytes: connection.settings.streamSendLimitBytes)
  }

  // MARK: From any thread

  func send(_ message: [UInt8]) -> Bool {
    guard sendBudget.take(message.count) else { return false }
    connection.inbox.put(.call(self, .message(message)))
    return true
  }

  func halfClose() {
    sendBudget.close()
    connection.inbox.put(.call(self, .halfClose))
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
      connection.open(self)
    case (.message, .waiting), (.halfClose, .waiting):
      unopened.append(action)
    case (.message(let message), .open):
      write(message)
    case (.halfClose, .open):
      let last = HTTP2Frame.FramePayload.Data(data: .byteBuffer(ByteBuffer()), endStream: true)
      context?.writeAndFlush(wrapOutboundOut(.data(last)), promise: nil)
    case (.cancel, _):
      abort(RPCStatus(.cancelled, "context canceled"))
    }
  }

  /// Ends the call when its time is up at `now`.
  func expire(_ now: NIODeadline) {
    guard let deadline, deadline <= now else { return }
    abort(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
  }

  /// Ends a call that has no channel yet: nothing of it was sent.
  func endUnsent(_ status: RPCStatus) {
    end(CallOutcome(status, .neverSent))
  }

  /// Ends the call from our side and tells the server.
  private func abort(_ status: RPCStatus) {
    let open = context
    switch phase {
    case .waiting: endUnsent(status)
    case .open: end(CallOutcome(status, .maybeSent))
    case .ended: return
    }
    open?.close(promise: nil)
  }

  private func end(_ outcome: CallOutcome) {
    if case .ended = phase { return }
    phase = .ended
    sendBudget.close()
    connection.ended(self)
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

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    switch phase {
    case .waiting:
      if context.channel.isActive { sendRequest(context) }
    case .open:
      preconditionFailure("a call with two channels")
    case .ended:
      // Given up in the meantime: nothing was sent, and nothing will be.
      context.close(promise: nil)
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    sendRequest(context)
    context.fireChannelActive()
  }

  private func sendRequest(_ context: ChannelHandlerContext) {
    guard case .waiting = phase else { return }
    phase = .open
    var headers = connection.requestHeaders
    headers.add(name: ":path", value: method)
    headers.add(contentsOf: Self.commonHeaders)
    if let deadline {
      headers.add(name: "grpc-timeout", value: CallTimeout.format(deadline - .now()))
    }
    headers.add(contentsOf: requestMetadata.headers)
    context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
    if case .unary(let message, let completion) = kind {
      let frame = MessageReader.frame(message, allocator: context.channel.allocator)
      kind = .unary([], completion)
      let data = HTTP2Frame.FramePayload.Data(data: .byteBuffer(frame), endStream: true)
      context.write(wrapOutboundOut(.data(data)), promise: nil)
    }
    context.flush()
    let actions = unopened
    unopened = []
    for action in actions { perform(action) }
  }

  private func write(_ message: [UInt8]) {
    guard let context else { return }
    let promise = connection.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { _ in self.sent(message.count) }
    let frame = MessageReader.frame(message, allocator: context.channel.allocator)
    context.writeAndFlush(
      wrapOutboundOut(.data(.init(data: .byteBuffer(frame)))), promise: promise)
  }

  private func sent(_ bytes: Int) {
    let mayGoOn = sendBudget.release(bytes)
    guard mayGoOn, case .stream(let onEvent) = kind else { return }
    if case .open = phase { onEvent(.writable) }
  }

  // MARK: In

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let headers):
      received(headers.headers, isLast: headers.endStream)
    case .data(let data):
      guard case .byteBuffer(let bytes) = data.data else {
        preconditionFailure("HTTP/2 delivered a file region")
      }
      received(bytes)
      if data.endStream { endWithoutStatus() }
    case .rstStream:
      wasReset = true
    case .alternativeService, .goAway, .origin, .ping, .priority, .pushPromise, .settings,
      .windowUpdate:
      break
    }
  }

  private func received(_ headers: HPACKHeaders, isLast: Bool) {
    let received = Metadata(headers: headers)
    if isLast { return receivedStatus(received) }
    guard metadata == nil else { return }
    // 100 Continue and its kind come before the answer (RFC 9110 §15.2).
    let status = received.first(":status") ?? ""
    if status.hasPrefix("1") { return }
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
      onEvent(.message(message))
    }
  }

  private func endWithoutStatus() {
    let text = "server closed the stream without sending trailers"
    end(CallOutcome(RPCStatus(.internal, text), .maybeSent))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let closed = error as? NIOHTTP2Errors.StreamClosed else {
      return abort(RPCStatus(.internal, "\(error)"))
    }
    // A GOAWAY that names an earlier call ends this one as if by a reset, but none was received.
    if closed.errorCode == .refusedStream || !wasReset {
      let text = "the server refused the call before it looked at it"
      return end(CallOutcome(RPCStatus(.unavailable, text), .neverSent))
    }
    let text = "stream terminated by RST_STREAM with error code: \(closed.errorCode)"
    end(CallOutcome(RPCStatus(Self.code(of: closed.errorCode), text), .maybeSent))
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

  func channelInactive(context: ChannelHandlerContext) {
    lost()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    lost()
  }

  private func lost() {
    context = nil
    let text = "the connection was lost while the call was in flight"
    let status = RPCStatus(.unavailable, text)
    switch phase {
    case .waiting: endUnsent(status)
    case .open: end(CallOutcome(status, .maybeSent))
    case .ended: break
    }
  }

  private static let commonHeaders: HPACKHeaders = [
    "content-type": "application/grpc", "te": "trailers", "user-agent": "quorate",
  ]
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

  /// Gives the call up; `.ended` follows with CANCELLED unless it had ended.
  public func cancel() {
    call.cancel()
  }
}
