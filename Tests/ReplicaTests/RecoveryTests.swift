import Raft
import Replica
import Testing

@Suite("Recovery decisions")
struct RecoveryTests {
  private let cluster = ClusterID(7)
  private let me = MemberID(1)

  private func id(_ term: UInt64, _ index: UInt64) -> EntryID {
    EntryID(term: Term(term), index: LogIndex(index))
  }

  /// A log of entries 4 to 6 after a base at 3, applied up to 5.
  private var sound: Found {
    Found(
      logVersion: 1, stateVersion: 1, clusterID: cluster, member: me,
      base: LogBase(
        last: id(1, 3), configuration: Cluster.fresh(voters: 3).base.configuration),
      hardState: HardState(currentTerm: Term(3), votedFor: me),
      entries: [id(1, 4), id(2, 5), id(2, 6)].map { Entry(id: $0, content: .noop) },
      applied: id(2, 5))
  }

  private func refusal(_ change: (inout Found) -> Void) -> RecoveryRefusal? {
    var found = sound
    change(&found)
    switch Recovery.decide(found, member: me, cluster: cluster) {
    case .form, .start: return nil
    case .refuse(let refusal): return refusal
    }
  }

  @Test func `what fits together starts where it was`() throws {
    guard case .start(let recovered) = Recovery.decide(sound, member: me, cluster: cluster) else {
      Issue.record("it did not start")
      return
    }
    #expect(recovered.applied == LogIndex(5))
    #expect(recovered.entries.count == 3)
    #expect(recovered.hardState == sound.hardState)
    for applied in [id(1, 3), id(1, 4), id(2, 6)] {
      #expect(refusal { $0.applied = applied } == nil)
    }
  }

  @Test func `an empty directory forms`() {
    let empty = Found(
      logVersion: 1, stateVersion: 0, clusterID: cluster, member: me, base: nil,
      hardState: HardState(), entries: [], applied: nil)
    guard case .form = Recovery.decide(empty, member: me, cluster: cluster) else {
      Issue.record("an empty directory must form")
      return
    }
  }

  @Test func `each misfit has its verdict`() {
    #expect(refusal { $0.logVersion = 2 } == .unknownLogVersion(2))
    #expect(refusal { $0.stateVersion = 9 } == .unknownStateVersion(9))
    #expect(refusal { $0.stateVersion = 0 } == .unknownStateVersion(0))
    #expect(
      refusal { $0.clusterID = ClusterID(8) }
        == .otherCluster(found: ClusterID(8), expected: cluster))
    #expect(
      refusal { $0.member = MemberID(2) } == .otherMember(found: MemberID(2), expected: me))
    #expect(refusal { $0.base = nil } == .baseMissing)
    #expect(
      refusal { $0.entries.remove(at: 1) } == .logBroken(after: id(1, 4), found: id(2, 6)))
    #expect(
      refusal { $0.entries[2] = Entry(id: id(1, 6), content: .noop) }
        == .logBroken(after: id(2, 5), found: id(1, 6)))
    #expect(
      refusal { $0.hardState.currentTerm = Term(1) }
        == .termBehindLog(Term(1), last: id(2, 6)))
    #expect(
      refusal { $0.applied = id(2, 7) }
        == .appliedBeyondLog(applied: LogIndex(7), last: LogIndex(6)))
    #expect(
      refusal { $0.applied = id(1, 2) } == .gap(applied: LogIndex(2), base: LogIndex(3)))
    #expect(refusal { $0.applied = nil } == .gap(applied: .zero, base: LogIndex(3)))
    #expect(
      refusal { $0.applied = id(1, 5) } == .appliedAnother(applied: id(1, 5), log: id(2, 5)))
  }
}
