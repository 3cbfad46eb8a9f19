import Base
import Raft

/// What became of requests that may be in a log (Docs/Consistency.md, *Writes*).
///
/// ```text
///   waiting ──sent──▶ sent ──slot known──▶ slot ──▶ this entry committed  ─▶ its own result
///      │                │                    └────▶ another one committed ─▶ lost
///      │                ├─ an entry of a later term applied before it ─────▶ lost
///      │                ├─ deadline, or the slot passed inside a snapshot ─▶ outcome unknown
///      │                └─ this member loses the quorum ──────────────────▶ outcome unknown
///      └─ deadline, or a rule ─────────────────────────────────────────────▶ refused
/// ```
///
/// *Lost* is certain: an entry has one slot only, and a slot has one committed entry (Raft §5.4.3).
/// A command can become an entry only in the term in which it was sent, and terms never go back
/// along the log: once an entry of a later term is applied, and the command was not, it never is.
extension ReplicaCore {
  /// Compares committed entries with the slots that requests are known to have.
  mutating func settleSlots(_ committed: [Entry], _ effects: inout ReplicaEffects) {
    guard let first = committed.first, let last = committed.last else { return }
    deliveredIndex = last.index
    for entry in committed where entry.term > deliveredTerm {
      deliveredTerm = entry.term
      termsApplying.append(entry.id)
    }
    for slot in slots.take(through: last.index) {
      guard let state = requests[slot.id] else { continue }
      demand(
        slot.entry.index >= first.index,
        "slot \(slot.entry.index.number) was passed over before \(first.index.number)")
      let entry = committed[Int(slot.entry.index.number - first.index.number)]
      demand(entry.index == slot.entry.index, "committed entries have a hole")
      guard entry.id == slot.entry else {
        requests.remove(slot.id)
        effects.answers.append(.lost(slot.id))
        continue
      }
      if case .change = state { changesApplying.append(slot) }
    }
  }

  /// The state machine has answered `completed` by their results and stands at `index`.
  mutating func applied(
    through index: LogIndex, _ completed: [RequestID], _ effects: inout ReplicaEffects
  ) {
    noteResults(completed)
    for id in completed { requests.remove(id) }
    guard index > appliedIndex else { return }
    appliedIndex = index
    freshness.applied(index)
    writeProbe.evidence.applied(index)
    finishChanges(&effects)
    loseEarlierTerms(&effects)
    doubtSent(&effects)
    feed(.applied(index), &effects)
  }

  /// Answers the commands whose term the state machine has left behind.
  private mutating func loseEarlierTerms(_ effects: inout ReplicaEffects) {
    let count = termsApplying.firstIndex { $0.index > appliedIndex } ?? termsApplying.count
    guard count > 0 else { return }
    let term = termsApplying[count - 1].term
    termsApplying.removeFirst(count)
    for id in requests.sent(before: term) {
      // A change that was committed is answered when it is applied, as all before it.
      guard !changesApplying.contains(where: { $0.id == id }) else { continue }
      if requests.remove(id) != nil { effects.answers.append(.lost(id)) }
    }
  }

  /// The state machine has jumped to a snapshot: what happened to the slots in it is not known.
  mutating func restored(_ base: LogBase, _ effects: inout ReplicaEffects) {
    let index = base.last.index
    appliedIndex = max(appliedIndex, index)
    deliveredIndex = max(deliveredIndex, index)
    freshness.applied(index)
    writeProbe.evidence.applied(index)
    // Before the core goes on: what it hands out next lies beyond these slots.
    for slot in slots.take(through: index) where requests.remove(slot.id) != nil {
      effects.answers.append(.outcomeUnknown(slot.id, .insideSnapshot))
    }
    for id in requests.sent(before: base.last.term) where requests.remove(id) != nil {
      effects.answers.append(.outcomeUnknown(id, .insideSnapshot))
    }
    // The snapshot may hold what was sent in its last term, too.
    requests.forget(base.last.term)
    termsApplying = []
    deliveredTerm = max(deliveredTerm, base.last.term)
    feed(.restored(base), &effects)
    finishChanges(&effects)
    doubtSent(&effects)
  }

  /// Whether something here goes on only when the state machine has come further.
  public var awaitsApply: Bool {
    reads.awaitsApply || !changesApplying.isEmpty || shutdownAt != nil || core.awaitsApplied
      || doubtfulBehind != nil
  }

  /// Answers what was sent, once this member has lost the quorum: it may be in somebody's log, and
  /// until the quorum is back nobody comes to say so. What was committed before that is on its way
  /// through the state machine, and is answered by its result first.
  mutating func doubtSent(_ effects: inout ReplicaEffects) {
    guard let committed = doubtfulBehind, appliedIndex >= committed else { return }
    doubtfulBehind = nil
    for id in requests.takeSent() {
      effects.answers.append(.outcomeUnknown(id, .inquorate(quorum)))
    }
  }

  mutating func finishChanges(_ effects: inout ReplicaEffects) {
    while let slot = changesApplying.first, slot.entry.index <= appliedIndex {
      changesApplying.removeFirst()
      if requests.remove(slot.id) != nil { effects.answers.append(.changed(slot.id)) }
    }
  }

  /// Answers whose time is over: refused if nothing has left this member, else unknown.
  mutating func expireRequests(_ effects: inout ReplicaEffects) {
    for (id, state) in requests.takeExpired(at: now) {
      effects.answers.append(lastAnswer(to: id, in: state))
    }
  }

  /// What can be said about a request that is not waited for any longer.
  func lastAnswer(to id: RequestID, in state: RequestTable.State) -> Answer {
    switch state {
    case .waiting, .waitingChange: .refused(id, Refusal(waitingRule))
    case .sent, .change: .outcomeUnknown(id, .late)
    case .read(confirmedAt: let index?):
      .refused(id, Refusal(.applyBehind(applied: appliedIndex, needed: index)))
    case .read(confirmedAt: nil): .refused(id, Refusal(leaderRule))
    case .transfer(to: let member): .refused(id, Refusal(.transferFailed(to: member)))
    }
  }

  private var waitingRule: Refusal.Rule {
    if shutdownAt != nil { return .shuttingDown }
    if pressure == .overlayFull { return .overlayFull }
    return core.isLeader ? .leaderChanging : leaderRule
  }

  private var leaderRule: Refusal.Rule {
    if let leader = core.leader, leader != id { return .leaderUnreachable(leader) }
    return .noLeader(quorum)
  }
}
