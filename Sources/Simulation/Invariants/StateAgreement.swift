import KeyValue
import Raft

/// No member is silently different: equal applied indices have equal digests and revisions.
struct StateAgreement {
  private var states: [UInt64: (digest: StateDigest, revision: Int64)] = [:]
  private var leftOut: Set<MemberID> = []

  /// The member's state was changed on purpose.
  mutating func leaveOut(_ member: MemberID) { leftOut.insert(member) }

  mutating func violation(member: MemberID, state: StateMeta) -> String? {
    if leftOut.contains(member) { return nil }
    guard let known = states[state.appliedIndex] else {
      states[state.appliedIndex] = (state.stateDigest, state.revision)
      return nil
    }
    if known.revision != state.revision {
      return "\(name(member)) is at revision \(state.revision) after entry "
        + "\(state.appliedIndex), others at \(known.revision)"
    }
    if known.digest != state.stateDigest {
      return "\(name(member)) has another digest than others after entry \(state.appliedIndex)"
    }
    return nil
  }
}
