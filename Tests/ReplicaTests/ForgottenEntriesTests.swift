import Base
import Raft
import Replica
import Testing

/// A member whose directory was put back from an older copy.
@Suite("A log that lacks what was acknowledged") struct ForgottenEntriesTests {
  private let leader = MemberID(2)

  private func member() -> ReplicaBox {
    let core = ReplicaCore(
      id: MemberID(1), boot: Boot(1), settings: ReplicaSettings(),
      recovered: Cluster.fresh(voters: 3), seed: 1, now: .zero)
    let member = ReplicaBox(core)
    _ = member.step(ReplicaInput(now: .zero, event: .sessionOpened(leader, Boot(1))))
    return member
  }

  private func heartbeat(_ term: UInt64, _ commitIndex: UInt64) -> ReplicaInput {
    let body = Message.Body.heartbeat(Heartbeat(round: 1, commitIndex: LogIndex(commitIndex)))
    return ReplicaInput(
      now: .zero, event: .message(.raft(Message(term: Term(term), body: body)), from: leader))
  }

  @Test func `is told by a leader that remembers more than it holds`() {
    let member = member()
    let effects = member.step(heartbeat(1, 3))
    #expect(effects.notes == [.forgotEntries(after: .zero, acknowledged: LogIndex(3))])
    #expect(effects.sends.isEmpty && effects.writes.isEmpty && member.commitIndex == .zero)
  }

  @Test func `is not told by a leader of an earlier term`() {
    let member = member()
    _ = member.step(heartbeat(5, 0))
    let effects = member.step(heartbeat(4, 3))
    #expect(!effects.notes.contains { if case .forgotEntries = $0 { true } else { false } })
  }
}
