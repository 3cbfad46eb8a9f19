public import QuorateClient
import NIOCore
import NIOPosix

/// What a member counts, as its `/metrics` page has it: etcd's and ours are in the same form, and
/// have the same names where they mean the same.
public struct MetricsPage: Sendable, Equatable {
  /// Series without labels; the first of a name counts.
  private var values: [String: Double] = [:]

  /// Reads Prometheus's text form.
  public init(text: String) {
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      guard words.count >= 2, let value = Double(words[1]) else { continue }
      let name = String(words[0])
      if values[name] == nil { values[name] = value }
    }
  }

  public subscript(_ name: String) -> Double? { values[name] }

  /// `nil`: no page within two seconds.
  public static func fetch(from endpoint: Endpoint) async -> MetricsPage? {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let page = loop.makePromise(of: String.self)
    let timeout = loop.scheduleTask(in: .seconds(2)) {
      page.fail(ChannelError.connectTimeout(.seconds(2)))
    }
    defer { timeout.cancel() }
    let channel = try? await ClientBootstrap(group: loop)
      .connectTimeout(.seconds(2))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(PageReader(page))
        }
      }
      .connect(host: endpoint.host, port: endpoint.port).get()
    if let channel {
      let request = """
        GET /metrics HTTP/1.1\r
        Host: \(endpoint.host):\(endpoint.port)\r
        Connection: close\r
        \r

        """
      channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
    } else {
      page.fail(ChannelError.inputClosed)
    }
    let response = try? await page.futureResult.get()
    channel?.close(promise: nil)
    guard let response, response.hasPrefix("HTTP/1.1 200") else { return nil }
    // The lines of the head, and of chunks' sizes, have no form that a series could have.
    return MetricsPage(text: response)
  }
}

/// Collects what comes until the connection ends.
private final class PageReader: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private static let limitBytes = 4 * 1024 * 1024

  private let page: EventLoopPromise<String>
  private var text = ""

  init(_ page: EventLoopPromise<String>) { self.page = page }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
    if text.utf8.count > Self.limitBytes { context.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) { page.succeed(text) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    page.fail(error)
    context.close(promise: nil)
  }
}
