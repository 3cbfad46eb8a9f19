package import Base
import Dispatch
import Foundation
import Member

/// What lives on a thread of its own and works through its inbox, batch after batch.
package protocol LaneHost: SendableMetatype {
  associatedtype Letter: Sendable

  /// One turn, with everything that waits, in order; empty: its time has come. Returns when the
  /// next is due, if no letter comes before.
  mutating func turn(_ letters: [Letter]) -> Instant
  /// The last act.
  mutating func close()
}

/// An inbox, and what wakes its thread: made before the thread itself.
package struct ThreadInbox<Letter: Sendable>: Sendable {
  package let letters: Inbox<Letter>
  fileprivate let wakeUps = DispatchSemaphore(value: 0)

  /// `limit`: how many letters may wait. What bounds them lies elsewhere.
  package init(limit: Int = 1 << 20) { letters = Inbox(limit: limit, wakes: .thread(wakeUps)) }

  /// Hands a letter over; after the thread's `finish` it is dropped.
  package func post(_ letter: Letter) { letters.post(letter) }
}

/// A lane's thread. Disks block; event loops and the shared pool must not, so each file has one.
package struct LaneThread: Sendable {
  private let inbox: any Closable
  private let ended = DispatchSemaphore(value: 0)

  /// Starts the thread, which takes `host` over.
  ///
  /// `firstTurn`: when its first turn is due, if no letter comes before.
  package init<Host: LaneHost>(
    _ name: String, _ inbox: ThreadInbox<Host.Letter>, firstTurn: Instant = .distantFuture,
    _ host: consuming Host
  ) {
    self.inbox = inbox.letters
    let box = TransferBox(host)
    let thread = Thread { [ended] in
      // From within: only so does the system hear of it.
      Thread.current.name = name
      var host = box.take()
      var wakeAt = firstTurn
      while true {
        inbox.wakeUps.wait(until: wakeAt)
        let isClosed = inbox.letters.isClosed
        wakeAt = host.turn(inbox.letters.drain())
        if isClosed { break }
      }
      host.close()
      ended.signal()
    }
    thread.start()
  }

  /// Takes nothing more, lets the thread finish what waits, and waits for its end.
  package func finish() {
    inbox.close()
    ended.wait()
    // The next caller finds the thread ended as well.
    ended.signal()
  }
}

/// An inbox of whatever letters.
private protocol Closable: Sendable {
  func close()
}

extension Inbox: Closable {}
