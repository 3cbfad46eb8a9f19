internal import NIOCore
internal import NIOHPACK

/// One gRPC call on the server: from its headers to its status.
///
/// Confined to the loop of its connection, except for the send budget, which any thread may ask.
final class ServerStream: @unchecked Sendable {
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

  private let id: StreamID
  private let connection: ServerConnection
  private var phase = Phase.opening
  private var reader: MessageReader
  private var hasSentHeaders = false
  private var isClosed = false
  /// This call's part of the loop's buffered bytes.
  private var accountedBytes = 0
  /// Made before a stream's handler hears of the call; nil in a unary call.
  private var sendBudget: SendBudget?
  private(set) var deadline: NIODeadline?

  init(id: StreamID, connection: ServerConnection) {
    self.id = id
    self.connection = connection
    self.reader = MessageReader(limitBytes: connection.settings.messageLimitBytes)
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
    guard let sendBudget, sendBudget.take(message.count) else { return false }
    connection.loop.inbox.put(.stream(self, .message(message)))
    return true
  }

  func finishStream(_ status: RPCStatus, _ trailers: Metadata, last messages: [[UInt8]]) {
    sendBudget?.takeLast(messages.reduce(0) { $0 + $1.count })
    for message in messages { connection.loop.inbox.put(.stream(self, .message(message))) }
    // By the inbox also on the loop: the messages sent before are in it.
    connection.loop.inbox.put(.stream(self, .finish(status, trailers)))
  }

  // MARK: On the loop

  func perform(_ action: Action) {
    switch (action, phase) {
    case (_, .ended):
      return
    case (.answer(let message, let trailers), _):
      phase = .ended
      deadline = nil
      account(message.count)
      connection.step(.answer(id, message, trailers: trailers.headers))
    case (.message(let message), _):
      hasSentHeaders = true
      connection.step(.message(id, message))
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
    connection.step(.reset(id, .refusedStream))
  }

  /// Ends the call from our side, and tells a stream's handler.
  private func abandon(_ status: RPCStatus) {
    let before = phase
    finish(status, Metadata())
    if case .streaming(let onEvent) = before { onEvent(.cancelled) }
  }

  /// A message of so many bytes has gone.
  func sent(_ bytes: Int) {
    guard let sendBudget, sendBudget.release(bytes) else { return }
    if case .streaming(let onEvent) = phase { onEvent(.writable) }
  }

  private func finish(_ status: RPCStatus, _ trailers: Metadata) {
    if case .ended = phase { return }
    phase = .ended
    deadline = nil
    sendBudget?.close()
    var headers = statusHeaders(status)
    headers.add(contentsOf: trailers.headers)
    end(headers)
  }

  private func statusHeaders(_ status: RPCStatus) -> HPACKHeaders {
    var headers = hasSentHeaders ? HPACKHeaders() : Self.responseHeaders
    headers.add(name: "grpc-status", value: String(status.code.rawValue))
    if !status.message.isEmpty {
      headers.add(name: "grpc-message", value: PercentEncoding.encode(status.message))
    }
    return headers
  }

  private func end(_ headers: HPACKHeaders) {
    hasSentHeaders = true
    connection.step(.finish(id, headers))
  }

  // MARK: In

  func open(_ headers: HPACKHeaders, isLast: Bool) {
    switch RequestHead.parse(headers) {
    case .failure(let refusal):
      phase = .ended
      end(refusal.headers)
    case .success(let head):
      admit(head, headers)
    }
    if isLast { requestEnded() }
  }

  func receivedTrailers() {
    requestEnded()
  }

  func received(_ bytes: ByteBuffer, isLast: Bool) {
    received(bytes)
    if isLast { requestEnded() }
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
      sendBudget = SendBudget(limitBytes: connection.settings.streamSendLimitBytes)
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

  /// Nothing more comes, and nothing more goes.
  func closed() {
    guard !isClosed else { return }
    isClosed = true
    account(-accountedBytes)
    let before = phase
    phase = .ended
    deadline = nil
    sendBudget?.close()
    if case .streaming(let onEvent) = before { onEvent(.cancelled) }
  }

  private func account(_ bytes: Int) {
    accountedBytes += bytes
    connection.loop.bufferedBytes += bytes
  }

  private static let responseHeaders: HPACKHeaders = [
    ":status": "200", "content-type": "application/grpc",
  ]
}
