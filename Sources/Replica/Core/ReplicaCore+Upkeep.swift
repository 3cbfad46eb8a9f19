import Base
public import KeyValue
import Raft

/// What a member does by itself about its store: raises and lowers its alarms, marks the log so
/// that digests can be compared, compacts. All of it goes through the log, as a client's commands
/// do.
///
/// ```text
///   leader     ── mark ──▶ log ──▶ each member: digest of its state at this very entry
///              ◀─ reports ─────────┘
///   of five    d d d e d      more than half say d: who says e is fenced, by the alarm CORRUPT
/// ```
struct Upkeep: Sendable {
  /// As of the last applied entry.
  var facts: UpkeepFacts
  /// What the store takes of the quota; `nil`: not known yet.
  var usedBytes: UInt64?
  /// What the member has found wrong with its own files; `nil`: nothing.
  var damage: ClosedRange<Int64>?
  /// Where the leader of late found this member to differ; `nil`: nowhere.
  var divergence: Divergence?
  var compactor: Compactor
  var digests = DigestBook()
  /// Who was a member and is none any more: their alarms are over.
  var departed: Set<MemberID> = []
  /// A command of this member's own that has no answer yet.
  var asked: RequestID?
  var askedCount: UInt64 = 0
  /// Nothing is asked before.
  var askAt = Instant.zero
  /// When a fenced leader tries to hand over again.
  var handOverAt = Instant.zero
  /// What the reports prove, as of the last one; `nil`: nothing yet.
  var verdict: DigestBook.Verdict?
  /// What was last told of it.
  var toldVerdict: DigestBook.Verdict?

  init(_ facts: UpkeepFacts, _ settings: ReplicaSettings, at now: Instant) {
    self.facts = facts
    compactor = Compactor(settings.compaction, at: now)
    digests.markAt = now + settings.digestInterval
  }
}

extension ReplicaCore {
  /// The alarms that are raised, and the rest that upkeep knows.
  public var upkeepFacts: UpkeepFacts { upkeep.facts }

  /// Whether this member serves nothing, because its state is not to be trusted.
  public var isFenced: Bool { upkeep.damage != nil || upkeep.facts.fences(id.number) }

  /// Which revisions it is fenced for; `nil`: it is not fenced, or nobody has said.
  public var fencedRevisions: ClosedRange<Int64>? {
    isFenced ? upkeep.damage ?? upkeep.divergence?.revisions : nil
  }

  /// No command that grows the store is taken.
  var isSpaceShort: Bool { pressure == .noSpace || upkeep.facts.isRaised(.noSpace) }

  /// Why a member that is fenced refuses.
  var corruptRule: Refusal.Rule { .corrupt(revisions: fencedRevisions) }

  mutating func follow(_ facts: UpkeepFacts, _ effects: inout ReplicaEffects) {
    let before = upkeep.facts
    upkeep.facts = facts
    if let mark = facts.mark, mark.index != before.mark?.index { noteOwn(mark) }
    guard facts.alarms != before.alarms else { return }
    effects.notes.append(.alarms(facts.alarms))
    if !facts.fences(id.number) { upkeep.divergence = nil }
  }

  private mutating func noteOwn(_ mark: DigestMark) {
    upkeep.digests.note(
      own: DigestReport(mark: mark, isDamaged: upkeep.damage != nil), of: id)
    judge()
  }

  private mutating func judge() {
    upkeep.verdict = core.isLeader ? upkeep.digests.verdict(core.configuration) : nil
  }

  /// The member has found rows of these revisions changed in its own files.
  mutating func found(_ damage: ClosedRange<Int64>) {
    guard upkeep.damage == nil else { return }
    upkeep.damage = damage
    if let mark = upkeep.facts.mark { noteOwn(mark) }
  }

  var upkeepWakeAt: Instant {
    guard shutdownAt == nil else { return .distantFuture }
    var wakeAt = upkeep.compactor.tickAt
    if core.isLeader && hasAppliedElection { wakeAt = min(wakeAt, upkeep.digests.markAt) }
    if nextOwnCommand != nil, upkeep.asked == nil { wakeAt = min(wakeAt, upkeep.askAt) }
    if core.isLeader && isFenced { wakeAt = min(wakeAt, upkeep.handOverAt) }
    return wakeAt
  }

  /// Does what is due.
  mutating func settleUpkeep(_ effects: inout ReplicaEffects) {
    guard shutdownAt == nil else { return }
    if let asked = upkeep.asked, !requests.contains(asked) { upkeep.asked = nil }
    reportDigest(&effects)
    judgeDigests(&effects)
    markLog(&effects)
    if now >= upkeep.askAt, upkeep.asked == nil, let command = nextOwnCommand {
      ask(command, &effects)
    }
    compact(&effects)
    if isFenced, core.isLeader, now >= upkeep.handOverAt {
      // Whoever serves nothing had better not lead, as long as somebody else can.
      upkeep.handOverAt = now + settings.raft.electionTimeout
      feed(.transferLeadership(to: nil), &effects)
    }
  }

  // MARK: Alarms

  /// What this member has to say about itself, or, as the leader, about others.
  private var nextOwnCommand: UpkeepCommand? {
    quotaCommand ?? damageCommand ?? verdictCommand ?? farewellCommand
  }

  /// Nobody else can take back what a member has raised that was removed.
  private var farewellCommand: UpkeepCommand? {
    guard core.isLeader, !upkeep.departed.isEmpty else { return nil }
    let alarm = upkeep.facts.alarms.first { upkeep.departed.contains(MemberID($0.member)) }
    return alarm.map { .lower($0) }
  }

  /// The configuration has changed, or was found at the start. Who was removed shortly before a
  /// restart, the log says.
  mutating func followMembers() {
    upkeep.departed.formUnion(core.everyMember)
    upkeep.departed.subtract(core.configuration.members.map(\.id))
  }

  private var quotaCommand: UpkeepCommand? {
    let alarm = Alarm(member: id.number, kind: .noSpace)
    guard let used = upkeep.usedBytes else { return nil }
    let isRaised = upkeep.facts.alarms.contains(alarm)
    let quota = settings.quotaBytes
    if !isRaised { return quota > 0 && used > quota ? .raise(alarm) : nil }
    // An eighth below, so that it does not come and go with each command.
    return quota == 0 || used <= quota - quota / 8 ? .lower(alarm) : nil
  }

  private var damageCommand: UpkeepCommand? {
    let alarm = Alarm(member: id.number, kind: .corrupt)
    return upkeep.damage != nil && !upkeep.facts.alarms.contains(alarm) ? .raise(alarm) : nil
  }

  private var verdictCommand: UpkeepCommand? {
    guard core.isLeader, let verdict = upkeep.verdict else { return nil }
    for divergence in verdict.diverging {
      let alarm = Alarm(member: divergence.member.number, kind: .corrupt)
      if !upkeep.facts.alarms.contains(alarm) { return .raise(alarm) }
    }
    for member in verdict.sound {
      let alarm = Alarm(member: member.number, kind: .corrupt)
      if upkeep.facts.alarms.contains(alarm) { return .lower(alarm) }
    }
    return nil
  }

  /// Sends a command of this member's own on the way of any command; nobody waits for the answer.
  private mutating func ask(_ command: UpkeepCommand, _ effects: inout ReplicaEffects) {
    upkeep.askAt = now + settings.raft.heartbeatInterval * 2
    guard writeRefusal == nil else { return }
    upkeep.asked = proposeOwn(
      .upkeep(command), within: settings.raft.electionTimeout * 2, &effects)
  }

  mutating func proposeOwn(
    _ command: Command, within time: Duration, _ effects: inout ReplicaEffects
  ) -> RequestID {
    upkeep.askedCount += 1
    // Counted from the end: clients' requests are counted from one.
    let request = RequestID(UInt64.max - upkeep.askedCount)
    let envelope = CommandEnvelope(
      origin: CommandOrigin(member: id.number, boot: boot.number, sequence: request.number),
      command: command)
    propose(
      [
        ProposalRequest(
          id: request, command: envelope.encoded(), deadline: now + time, isGrowing: false,
          isUpkeep: true)
      ], &effects)
    return request
  }

  /// Answers that nobody waits for.
  func isOwn(_ answer: Answer) -> Bool {
    answer.id.number >= UInt64.max - upkeep.askedCount
  }

  // MARK: Digests

  /// Tells the leader what this member's state was at the last mark.
  private mutating func reportDigest(_ effects: inout ReplicaEffects) {
    guard let report = upkeep.digests.untold, let leader = core.leader else { return }
    guard leader != id else {
      upkeep.digests.untold = nil
      return
    }
    guard peers.isOpen(leader) else { return }
    upkeep.digests.untold = nil
    effects.sends.append(PeerEnvelope(to: leader, message: .digest(report)))
  }

  mutating func receive(_ report: DigestReport, from member: MemberID) {
    guard core.isLeader else { return }
    upkeep.digests.note(report, of: member)
    judge()
  }

  /// A member that begins anew may have other files than it had: what it said before counts no
  /// more.
  mutating func forgetReport(of member: MemberID) { upkeep.digests.forget(member) }

  /// The leader has found that this member differs.
  mutating func receive(_ divergence: Divergence, from leader: MemberID) {
    guard core.leader == leader, divergence.member == id else { return }
    upkeep.divergence = divergence
  }

  private mutating func judgeDigests(_ effects: inout ReplicaEffects) {
    guard core.isLeader, let verdict = upkeep.verdict, verdict != upkeep.toldVerdict else { return }
    upkeep.toldVerdict = verdict
    if verdict.isUndecided { effects.notes.append(.digestsUndecided) }
    for divergence in verdict.diverging {
      effects.notes.append(.diverged(divergence))
      if divergence.member == id {
        upkeep.divergence = divergence
      } else {
        effects.sends.append(
          PeerEnvelope(to: divergence.member, message: .diverged(divergence)))
      }
    }
  }

  /// Puts a mark into the log when the state has changed since the last one, or when somebody has
  /// not spoken about it: it may have begun since, with other files.
  private mutating func markLog(_ effects: inout ReplicaEffects) {
    guard core.isLeader, hasAppliedElection, now >= upkeep.digests.markAt else { return }
    let last = upkeep.digests.own?.mark.index
    let isSilent = core.configuration.members.contains { member in
      member.id != id && peers.isOpen(member.id) && !upkeep.digests.hasReported(member.id)
    }
    // Whoever is always behind gets more time, until its word about a mark comes before the next.
    let limit = DigestBook.patienceLimit
    upkeep.digests.patience = isSilent ? min(upkeep.digests.patience * 2, limit) : 1
    upkeep.digests.markAt = now + settings.digestInterval * upkeep.digests.patience
    guard last != appliedIndex.number || isSilent, mayWriteUpkeep else { return }
    let command = CommandEnvelope(origin: .nobody, command: .upkeep(.mark))
    for outcome in offer([command.encoded()], &effects) {
      if case .refused = outcome {
        upkeep.digests.markAt = now + settings.raft.heartbeatInterval
      }
    }
  }

  private var mayWriteUpkeep: Bool {
    !isCutOff && pressure != .overlayFull && applyRefusal == nil
  }

  // MARK: Compaction

  private mutating func compact(_ effects: inout ReplicaEffects) {
    guard now >= upkeep.compactor.tickAt else { return }
    let revision = upkeep.compactor.tick(
      at: now, revision: upkeep.facts.revision, compacted: upkeep.facts.compactRevision,
      isLeader: core.isLeader && hasAppliedElection && !isFenced && mayWriteUpkeep)
    guard let revision else { return }
    let command = CommandEnvelope(origin: .nobody, command: .compaction(revision: revision))
    for outcome in offer([command.encoded()], &effects) {
      if case .refused = outcome { upkeep.compactor.refused() }
    }
  }
}
