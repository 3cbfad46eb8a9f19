internal import NIOCore
internal import Synchronization

/// The way from any thread onto one event loop: a locked list that the loop drains as a whole.
/// However many items pile up, the loop is woken once for them (Docs/Architecture.md, *Threads of a
/// member*).
///
/// Bounded by its users: each open call has at most one unary answer in it, or stream messages up
/// to that stream's send limit.
final class LoopInbox<Item: Sendable>: Sendable {
  let eventLoop: any EventLoop
  private let items = Mutex<[Item]>([])
  private let deliver: @Sendable ([Item]) -> Void

  /// `deliver` is called on the loop with what has piled up, in order.
  init(eventLoop: any EventLoop, deliver: @escaping @Sendable ([Item]) -> Void) {
    self.eventLoop = eventLoop
    self.deliver = deliver
  }

  func put(_ item: Item) {
    let isFirst = items.withLock { items in
      items.append(item)
      return items.count == 1
    }
    if isFirst { eventLoop.execute { self.drain() } }
  }

  private func drain() {
    deliver(
      items.withLock { items in
        let batch = items
        items = []
        return batch
      })
  }
}
