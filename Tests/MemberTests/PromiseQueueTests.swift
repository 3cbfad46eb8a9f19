import Base
import Member
import Raft
import Replica
import Testing

/// Raft Figure 2: what claims that something is durable leaves after it is.
@Suite struct PromiseQueueTests {
  private func promise(_ number: UInt64) -> PeerEnvelope {
    PeerEnvelope(to: MemberID(number), message: .ping(.zero))
  }

  private func release(_ queue: inout PromiseQueue, through number: UInt64) -> [UInt64] {
    var released: [UInt64] = []
    while let next = queue.releaseFirst(through: WriteTicket(number)) {
      #expect(next.ticket.number <= number)
      released += next.envelopes.map(\.to.number)
    }
    return released
  }

  @Test func `a promise leaves with its own write, in order, once`() {
    var queue = PromiseQueue()
    queue.hold([promise(1), promise(2)], until: WriteTicket(1))
    queue.hold([], until: WriteTicket(2))
    queue.hold([promise(3)], until: WriteTicket(3))
    queue.hold([promise(4)], until: WriteTicket(5))
    #expect(release(&queue, through: 0) == [])
    #expect(release(&queue, through: 2) == [1, 2])
    #expect(release(&queue, through: 2) == [])
    #expect(release(&queue, through: 4) == [3])
    queue.hold([promise(5)], until: WriteTicket(6))
    #expect(release(&queue, through: 6) == [4, 5])
    #expect(release(&queue, through: 9) == [])
  }

  @Test func `however many wait, none is lost and none is early`() {
    var queue = PromiseQueue()
    var (held, released) = (UInt64(0), UInt64(0))
    for round in 1...300 as ClosedRange<UInt64> {
      // They pile up for a while, and are fewer and fewer then.
      for _ in 0..<(round < 150 ? 3 : 1) {
        held += 1
        queue.hold([promise(held)], until: WriteTicket(held))
      }
      let through = min(held, released + 2)
      let left = release(&queue, through: through)
      #expect(left == (released..<through).map { $0 + 1 })
      released = through
    }
    #expect(release(&queue, through: held) == (released..<held).map { $0 + 1 })
  }
}
