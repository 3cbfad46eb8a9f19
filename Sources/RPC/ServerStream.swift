internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// One gRPC call on the server: from its headers to its status.
///
/// Confined to the loop of its connection, except for the send budget, which any thread may ask.
final class ServerStream: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  /// What is asked of a call from any thread.
  enum Action: Sendable {
    case answer([UInt8], Metadata)
    case message([UInt8])
    case finish(RPCStatus, Metadata)
  }

  private enum Phase {
    case opening
    /// A unary call whose message is not complete, or not known to be the only one.
    case collecting(MethodTable.UnaryHandler, CallContext, ByteBuffer?)
    /// The handler has the message.
    case answering
    case streaming((StreamEvent) -> Void)
    /// The status is written, or the client is gone.
    case ended
  }

  private let connection: ServerConnection
  private var phase = Phase.opening
  private var context: ChannelHandlerContext?
  private var reader: MessageReader
  private var hasReceivedEnd = false
  private var hasSentHeaders = false
  /// This call's part of the loop's buffered bytes.
  private var accountedBytes = 0
  private let sendBudget: SendBudget
  private(set) var deadline: NIODeadline?

  init(connection: ServerConnection) {
    self.connection = connection
    self.reader = MessageReader(limitBytes: connection.settings.messageLimitBytes)
    self.sendBudget = SendBudget(limitBytes: connection.settings.streamSendLimitBytes)
  }

  // MARK: From any thread

  func finishFromAnyThread(_ action: Action) {
    if connection.eventLoop.inEventLoop {
      perform(action)
    } else {
      connection.loop.inbox.put(.stream(self, action))
    }
  }

  func send(_ message: [UInt8]) -> Bool {
    guard sendBudget.take(message.count) else { return false }
    connection.loop.inbox.put(.stream(self, .message(message)))
    return true
  }

  func finishStream(_ status: RPCStatus, _ trailers: Metadata) {
    sendBudget.close()
    // By the inbox also on the loop: the messages sent before are in it.
    connection.loop.inbox.put(.stream(self, .finish(status, trailers)))
  }

  // MARK: On the loop

  func perform(_ action: Action) {
    switch (action, phase) {
    case (_, .ended):
      return
    case (.answer(let message, let trailers), _):
      write(message, promise: nil)
      account(message.count)
      finish(.ok, trailers)
    case (.message(let message), _):
      let promise = connection.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenComplete { _ in self.sent(message.count) }
      write(message, promise: promise)
      context?.flush()
    case (.finish(let status, let trailers), _):
      finish(status, trailers)
    }
  }

  /// Ends the call when its time is up at `now`.
  func expire(_ now: NIODeadline) {
    guard let deadline, deadline <= now else { return }
    abandon(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
  }

  /// Turns the call away untouched: the client may send it elsewhere (RFC 9113 §8.7).
  func refuse() {
    phase = .ended
    context?.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: nil)
  }

  /// Ends the call from our side, and tells a stream's handler.
  private func abandon(_ status: RPCStatus) {
    let before = phase
    finish(status, Metadata())
    if case .streaming(let onEvent) = before { onEvent(.cancelled) }
  }

  private func sent(_ bytes: Int) {
    let mayGoOn = sendBudget.release(bytes)
    if mayGoOn, case .streaming(let onEvent) = phase { onEvent(.writable) }
  }

  // MARK: Out

  private func writeHeadersOnce() {
    guard !hasSentHeaders else { return }
    hasSentHeaders = true
    let payload = HTTP2Frame.FramePayload.Headers(headers: Self.responseHeaders)
    context?.write(wrapOutboundOut(.headers(payload)), promise: nil)
  }

  private func write(_ message: [UInt8], promise: EventLoopPromise<Void>?) {
    guard let context else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    writeHeadersOnce()
    connection.hasSentPayload = true
    let frame = MessageReader.frame(message, allocator: context.channel.allocator)
    context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(frame)))), promise: promise)
  }

  private func finish(_ status: RPCStatus, _ trailers: Metadata) {
    if case .ended = phase { return }
    phase = .ended
    deadline = nil
    sendBudget.close()
    guard let context else { return }
    var headers = statusHeaders(status)
    headers.add(contentsOf: trailers.headers)
    end(context, headers)
  }

  private func statusHeaders(_ status: RPCStatus) -> HPACKHeaders {
    if hasSentHeaders && status == .ok { return Self.okTrailers }
    var headers = hasSentHeaders ? HPACKHeaders() : Self.responseHeaders
    headers.add(name: "grpc-status", value: String(status.code.rawValue))
    if !status.message.isEmpty {
      headers.add(name: "grpc-message", value: PercentEncoding.encode(status.message))
    }
    return headers
  }

  /// Writes the last headers, and frees the client from sending the rest of its request.
  private func end(_ context: ChannelHandlerContext, _ headers: HPACKHeaders) {
    hasSentHeaders = true
    connection.hasSentPayload = true
    let payload = wrapOutboundOut(.headers(.init(headers: headers, endStream: true)))
    if hasReceivedEnd {
      context.write(payload, promise: nil)
    } else {
      let promise = connection.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenSuccess { self.resetUnlessEnded() }
      context.write(payload, promise: promise)
    }
    context.flush()
  }

  private func resetUnlessEnded() {
    guard !hasReceivedEnd, let context else { return }
    context.writeAndFlush(wrapOutboundOut(.rstStream(.noError)), promise: nil)
  }

  // MARK: In

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    connection.opened(self)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let headers):
      if headers.endStream { hasReceivedEnd = true }
      if case .opening = phase { open(headers.headers) }
      if headers.endStream { requestEnded() }
    case .data(let data):
      guard case .byteBuffer(let bytes) = data.data else {
        preconditionFailure("HTTP/2 delivered a file region")
      }
      if data.endStream { hasReceivedEnd = true }
      received(bytes)
      if data.endStream { requestEnded() }
    case .alternativeService, .goAway, .origin, .ping, .priority, .pushPromise, .rstStream,
      .settings, .windowUpdate:
      // A reset arrives again as the end of the channel; the rest is HTTP/2's own affair.
      break
    }
  }

  private func open(_ headers: HPACKHeaders) {
    switch RequestHead.parse(headers) {
    case .failure(let refusal):
      phase = .ended
      if let context { end(context, refusal.headers) }
    case .success(let head):
      admit(head, headers)
    }
  }

  private func admit(_ head: RequestHead, _ headers: HPACKHeaders) {
    guard let handler = connection.methods[head.path] else {
      return finish(connection.methods.refusal(of: head.path), Metadata())
    }
    if let encoding = head.encoding, encoding != "identity" {
      var trailers = Metadata()
      trailers.headers.add(name: "grpc-accept-encoding", value: "identity")
      let text = "grpc: Decompressor is not installed for grpc-encoding \"\(encoding)\""
      return finish(RPCStatus(.unimplemented, text), trailers)
    }
    guard connection.loop.hasRoom else {
      return finish(RPCStatus(.resourceExhausted, "etcdserver: too many requests"), Metadata())
    }
    deadline = head.timeout.map { .now() + $0 }
    if let deadline { connection.deadlines.add(deadline) }
    let context = CallContext(
      path: head.path, metadata: Metadata(headers: headers), peer: connection.peer,
      deadline: deadline)
    switch handler {
    case .unary(let handler):
      phase = .collecting(handler, context, nil)
    case .stream(let handler):
      // The phase first: the handler may finish the call before it returns.
      phase = .answering
      let onEvent = handler(StreamCall(context: context, stream: self))
      if case .answering = phase { phase = .streaming(onEvent) }
    }
  }

  private func received(_ bytes: ByteBuffer) {
    if case .ended = phase { return }
    account(bytes.readableBytes)
    guard connection.loop.hasRoom else {
      return abandon(RPCStatus(.resourceExhausted, "etcdserver: too many requests"))
    }
    reader.append(bytes)
    do {
      while let message = try reader.next() {
        guard deliver(message) else { return }
      }
    } catch {
      abandon(error.status)
    }
  }

  /// False when the call has ended by it.
  private func deliver(_ message: ByteBuffer) -> Bool {
    switch phase {
    case .collecting(let handler, let context, nil):
      phase = .collecting(handler, context, message)
      return true
    case .collecting(_, _, .some):
      finish(RPCStatus(.internal, "received more than one message of a unary call"), Metadata())
      return false
    case .streaming(let onEvent):
      account(-min(accountedBytes, message.readableBytes + 5))
      onEvent(.message(message))
      if case .ended = phase { return false }
      return true
    case .opening, .answering:
      preconditionFailure("a message in the phase \(phase)")
    case .ended:
      return false
    }
  }

  private func requestEnded() {
    if case .ended = phase { return }
    guard reader.bufferedBytes == 0 else {
      return abandon(RPCStatus(.internal, "unexpected EOF"))
    }
    switch phase {
    case .collecting(let handler, let context, let message?):
      phase = .answering
      handler(UnaryCall(context: context, message: message, stream: self))
    case .collecting(_, _, nil):
      finish(RPCStatus(.internal, "received no message of a unary call"), Metadata())
    case .streaming(let onEvent):
      onEvent(.halfClosed)
    case .opening, .answering, .ended:
      break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The end of the channel follows; it says all that a handler needs to know.
  }

  func channelInactive(context: ChannelHandlerContext) {
    closed()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    closed()
  }

  private func closed() {
    guard context != nil else { return }
    context = nil
    account(-accountedBytes)
    let before = phase
    phase = .ended
    deadline = nil
    sendBudget.close()
    connection.closed(self)
    if case .streaming(let onEvent) = before { onEvent(.cancelled) }
  }

  private func account(_ bytes: Int) {
    accountedBytes += bytes
    connection.loop.bufferedBytes += bytes
  }

  private static let responseHeaders: HPACKHeaders = [
    ":status": "200", "content-type": "application/grpc",
  ]
  private static let okTrailers: HPACKHeaders = ["grpc-status": "0"]
}
