public import NIOCore
import NIOPosix
public import Replica
import Wire

/// Asks the members of a store who this process is to them, before there is a transport: one
/// connection for one question.
public enum JoinQueryClient {
  /// Why there is no answer.
  public enum Failure: Error, Hashable, Sendable {
    /// Nobody listens there, or it is no member.
    case unreachable
    case malformed
    case late
  }

  /// *Throws* `Failure`, when it has no answer within `limit`.
  public static func ask(
    _ joinQuery: JoinQuery, at address: PeerAddress, within limit: Duration,
    on loop: any EventLoop
  ) async throws(Failure) -> JoinAnswer {
    let promise = loop.makePromise(of: JoinAnswer.self)
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(TimeAmount(limit))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(JoinQueryHandler(joinQuery, promise))
        }
      }
    let deadline = loop.scheduleTask(in: TimeAmount(limit)) { promise.fail(Failure.late) }
    defer { deadline.cancel() }
    do {
      let channel = try await bootstrap.connect(host: address.host, port: address.port).get()
      defer { channel.close(promise: nil) }
      return try await promise.futureResult.get()
    } catch {
      promise.fail(error)
      throw error as? Failure ?? .unreachable
    }
  }
}

/// Sends the join query once the socket is up, and waits for one frame.
private final class JoinQueryHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let joinQuery: JoinQuery
  private let promise: EventLoopPromise<JoinAnswer>
  private var decoder = FrameDecoder()

  init(_ joinQuery: JoinQuery, _ promise: EventLoopPromise<JoinAnswer>) {
    self.joinQuery = joinQuery
    self.promise = promise
  }

  func channelActive(context: ChannelHandlerContext) {
    var bytes: [UInt8] = []
    Frame.joinQuery(joinQuery).encode(into: &bytes)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { decoder.receive($0) }
    do throws(WireError) {
      guard let frame = try decoder.next() else { return }
      guard case .joinAnswer(let answer) = frame else {
        return promise.fail(JoinQueryClient.Failure.malformed)
      }
      promise.succeed(answer)
    } catch {
      promise.fail(JoinQueryClient.Failure.malformed)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    promise.fail(JoinQueryClient.Failure.unreachable)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
