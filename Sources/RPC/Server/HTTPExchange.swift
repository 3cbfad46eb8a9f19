public import NIOCore
internal import NIOHTTP1

/// One HTTP/1.1 request, whole.
public struct HTTPRequest: Sendable {
  /// In capitals: `GET`.
  public let method: String
  /// Without the query: `/health`.
  public let path: String
  /// After the question mark, as sent; nil when there is none.
  public let query: String?
  /// In the order sent; names as sent.
  public let headers: [(name: String, value: String)]
  public let body: ByteBuffer
  public let peer: SocketAddress?
}

/// The answer to one HTTP/1.1 request.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var contentType: String
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]

  public init(
    status: Int, contentType: String, headers: [(name: String, value: String)] = [],
    body: [UInt8]
  ) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }

  /// A plain text.
  public init(status: Int, _ text: String) {
    self.init(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
  }
}

/// A request that waits for its one answer, from any thread.
public struct HTTPCall: Sendable {
  public let request: HTTPRequest
  let exchange: HTTPExchange
  /// Tells a late answer from one to the connection's next request.
  let number: UInt64

  /// The first answer counts; a later one, or one after the client has gone, is dropped.
  public func answer(_ response: HTTPResponse) {
    exchange.answerFromAnyThread(self, response)
  }
}

/// Called on the loop of the request's connection; must not block.
public typealias HTTPHandler = @Sendable (HTTPCall) -> Void

/// The requests of one HTTP/1.1 connection, one at a time. Confined to its loop.
final class HTTPExchange: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum Phase {
    case idle
    case reading(HTTPRequestHead, ByteBuffer)
    /// The body went above the limit; the answer is sent and the rest is not listened to.
    case refused
    case answering(HTTPRequestHead)
  }

  private let connection: ServerConnection
  private var phase = Phase.idle
  private var context: ChannelHandlerContext?
  private var number: UInt64 = 0

  init(connection: ServerConnection) {
    self.connection = connection
  }

  func answerFromAnyThread(_ call: HTTPCall, _ response: HTTPResponse) {
    if connection.eventLoop.inEventLoop {
      answer(call, response)
    } else {
      connection.loop.inbox.put(.http(call, response))
    }
  }

  func answer(_ call: HTTPCall, _ response: HTTPResponse) {
    guard call.number == number, case .answering(let head) = phase else { return }
    phase = .idle
    write(response, to: head)
  }

  /// Closes at once when idle, else after the answer.
  func part() {
    if case .idle = phase { context?.close(promise: nil) }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), phase) {
    case (.head(let head), _):
      phase = .reading(head, ByteBuffer())
    case (.body(let bytes), .reading(let head, var body)):
      guard body.readableBytes + bytes.readableBytes <= connection.settings.bodyLimitBytes else {
        phase = .refused
        return refuse(head)
      }
      // The buffer must not be shared with the phase while it grows.
      phase = .idle
      body.writeImmutableBuffer(bytes)
      phase = .reading(head, body)
    case (.end, .reading(let head, let body)):
      phase = .answering(head)
      number += 1
      let request = Self.request(head, body, peer: connection.peer)
      connection.httpHandler(HTTPCall(request: request, exchange: self, number: number))
    case (.body, _), (.end, _):
      break
    }
  }

  private func refuse(_ head: HTTPRequestHead) {
    let limit = connection.settings.bodyLimitBytes
    write(
      HTTPResponse(status: 413, "The body is larger than \(limit) bytes.\n"), to: head, last: true)
  }

  private static func request(
    _ head: HTTPRequestHead, _ body: ByteBuffer, peer: SocketAddress?
  ) -> HTTPRequest {
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return HTTPRequest(
      method: head.method.rawValue, path: String(parts[0]),
      query: parts.count > 1 ? String(parts[1]) : nil,
      headers: head.headers.map { (name: $0.name, value: $0.value) }, body: body, peer: peer)
  }

  private func write(_ response: HTTPResponse, to head: HTTPRequestHead, last: Bool = false) {
    guard let context else { return }
    let isLast = last || !head.isKeepAlive || connection.isParting
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: response.contentType)
    headers.add(name: "Content-Length", value: String(response.body.count))
    for header in response.headers { headers.add(name: header.name, value: header.value) }
    if isLast { headers.add(name: "Connection", value: "close") }
    let status = HTTPResponseStatus(statusCode: response.status)
    let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(answer)), promise: nil)
    if head.method != .HEAD {
      let body = context.channel.allocator.buffer(bytes: response.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let promise = isLast ? connection.eventLoop.makePromise(of: Void.self) : nil
    let channel = context.channel
    promise?.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent, case .answering = phase {
      // It is the handler that takes its time, not the client.
      return
    }
    if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    context.fireChannelInactive()
  }
}
