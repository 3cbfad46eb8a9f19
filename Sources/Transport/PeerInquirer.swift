public import NIOCore
import NIOPosix
public import Replica
import Wire

/// Asks the members of a store who this process is to them, before there is a transport: one
/// connection for one question.
public enum PeerInquirer {
  /// Why there is no answer.
  public enum Failure: Error, Hashable, Sendable {
    /// Nobody listens there, or it is no member.
    case unreachable
    case malformed
    case late
  }

  /// *Throws* `Failure`, when it has no answer within `limit`.
  public static func ask(
    _ inquiry: Inquiry, at address: PeerAddress, within limit: Duration,
    on loop: any EventLoop
  ) async throws(Failure) -> InquiryAnswer {
    let promise = loop.makePromise(of: InquiryAnswer.self)
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(TimeAmount(limit))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(InquiryHandler(inquiry, promise))
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

/// Sends the inquiry once the socket is up, and waits for one frame.
private final class InquiryHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let inquiry: Inquiry
  private let promise: EventLoopPromise<InquiryAnswer>
  private var decoder = FrameDecoder()

  init(_ inquiry: Inquiry, _ promise: EventLoopPromise<InquiryAnswer>) {
    self.inquiry = inquiry
    self.promise = promise
  }

  func channelActive(context: ChannelHandlerContext) {
    var bytes: [UInt8] = []
    Frame.inquiry(inquiry).encode(into: &bytes)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { decoder.receive($0) }
    do throws(WireError) {
      guard let frame = try decoder.next() else { return }
      guard case .inquiryAnswer(let answer) = frame else {
        return promise.fail(PeerInquirer.Failure.malformed)
      }
      promise.succeed(answer)
    } catch {
      promise.fail(PeerInquirer.Failure.malformed)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    promise.fail(PeerInquirer.Failure.unreachable)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
