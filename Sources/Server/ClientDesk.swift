import NIOCore
import Replica

/// One client loop's place: reads that are ready wait here, and are served on that very loop from
/// the published root.
final class ClientDesk: Sendable {
  private let loop: any EventLoop
  private let ready: Inbox<ReadReady>

  private init(loop: any EventLoop, ready: Inbox<ReadReady>) {
    self.loop = loop
    self.ready = ready
  }

  /// `serve` is called on `loop`.
  static func open(
    on loop: any EventLoop, serve: @escaping @Sendable (ReadReady) -> Void
  ) -> ClientDesk {
    let desk = Late<ClientDesk>()
    let ready = Inbox<ReadReady>(limit: 1 << 20) {
      loop.execute {
        for read in desk.value?.ready.drain() ?? [] { serve(read) }
      }
    }
    let opened = ClientDesk(loop: loop, ready: ready)
    desk.value = opened
    return opened
  }

  func serve(_ read: ReadReady) {
    let isTaken = ready.offer(read)
    precondition(isTaken, "\(ready.count) reads wait for a client loop")
  }
}
