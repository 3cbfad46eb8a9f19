import NIOCore
import NIOPosix
import Raft
import Replica
import Transport
import Wire

/// The other end of a connection, by hand.
final class RawPeer: ChannelInboundHandler, @unchecked Sendable {
  // Protected by the channel's loop.
  typealias InboundIn = ByteBuffer

  private let loop: any EventLoop
  private var channel: (any Channel)!
  private var decoder = FrameDecoder()
  private var frames: [Frame] = []
  private var waiting: EventLoopPromise<Frame>?

  private init(_ loop: any EventLoop) { self.loop = loop }

  static func connect(port: Int, on loop: any EventLoop) async throws -> RawPeer {
    let peer = RawPeer(loop)
    peer.channel = try await ClientBootstrap(group: loop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(peer)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return peer
  }

  func send(_ frame: Frame) {
    var bytes: [UInt8] = []
    frame.encode(into: &bytes)
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  static func hello(
    as id: UInt64, boot: UInt64, to member: Member, receiverBoot: Boot?
  ) -> Hello {
    Hello(
      purpose: .control,
      handshake: Handshake(
        clusterID: member.cluster, from: MemberID(id), name: "raw",
        incarnation: Incarnation(100 + id), boot: Boot(boot), to: member.id,
        receiverBoot: receiverBoot, initialDigest: 0, isFormed: true, known: []))
  }

  /// Sends its handshake, reads the answer, and confirms.
  func shakeHands(as id: UInt64, boot: UInt64, with member: Member) async throws {
    send(.hello(Self.hello(as: id, boot: boot, to: member, receiverBoot: nil)))
    _ = try await next()
    send(.hello(Self.hello(as: id, boot: boot, to: member, receiverBoot: member.boot)))
  }

  private func next() async throws -> Frame {
    let promise = loop.makePromise(of: Frame.self)
    loop.execute {
      if self.frames.isEmpty {
        self.waiting = promise
      } else {
        promise.succeed(self.frames.removeFirst())
      }
    }
    return try await promise.futureResult.get()
  }

  /// Waits until the other side has closed, a minute at most.
  func awaitClose() async throws {
    let promise = loop.makePromise(of: Void.self)
    let deadline = loop.scheduleTask(in: .seconds(60)) { promise.fail(Rig.Overdue()) }
    channel.closeFuture.whenComplete { _ in
      deadline.cancel()
      promise.succeed()
    }
    try await promise.futureResult.get()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { decoder.receive($0) }
    while let frame = try? decoder.next() {
      if let waiting {
        self.waiting = nil
        waiting.succeed(frame)
      } else {
        frames.append(frame)
      }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
