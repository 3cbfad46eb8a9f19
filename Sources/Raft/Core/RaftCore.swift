public import Base

/// One member's part in the agreement on one log (Raft, Figure 2): a value with one door.
///
/// Everything that happens is an `Input`; everything it asks of the world is in the `Output`. It
/// owns no clock, disk, socket or hidden dice, so equal inputs give equal outputs.
///
/// # Reading order
///
/// 1. `Quantities`, `Entry`, `Configuration`, `Message`: the words. `EntryID` compares by term,
///    then index, and that is all there is to "at least as up-to-date".
/// 2. `Input` and `Output`: the contract. What rests on a write lies inside that write.
/// 3. This file: a step is one event, then what follows from any event (due timers, sends,
///    deliveries, the one write), then the invariants.
/// 4. `Role` and `RaftCore+Roles`: the four roles, and the only ways into them.
/// 5. `RaftCore+Messages`: the term gate, and the two verbs `send` and `promise`.
/// 6. `+Election`, `+Votes`: who leads (Raft §5.2, §5.4.1, Thesis §9.6).
/// 7. `Log`, `Progress`, `+Replication`: one log everywhere (Raft §5.3).
/// 8. `Durability`, `+Storage`: what is on disk, and what only looks as if it were.
/// 9. `Quorum`, `+Commit`: what stays (Raft §5.4.2, Thesis §6.2).
/// 10. `ReadQueue`, `+Reads`: answers without a log entry (Thesis §6.4).
/// 11. `ConfigurationHistory`, `+Membership`, `+Transfer`, `+Snapshots`, `+Sessions`: the rest.
/// 12. `+Invariants`: what must hold for any of it to be believed.
/// 13. `CanonicalState`, `+Exploration`: which cores are one state, for whoever walks through all
///     states.
///
/// # Left out
///
/// Leases for reads (Thesis §6.4.1) rest on clocks that run alike, and a paused process has none.
/// Flexible quorums (Howard, Malkhi, Spiegelman 2016) and witnesses would change `Quorum` alone.
/// Byzantine members are not tolerated: a broken invariant stops a member instead.
public struct RaftCore: Hashable, Sendable {
  public let id: MemberID
  public let settings: RaftSettings

  /// Term and vote as they are here; on disk they may still be on their way.
  public internal(set) var hardState: HardState
  public internal(set) var role: Role
  /// The highest index known to be committed (Raft §5.3).
  public internal(set) var commitIndex: LogIndex
  var log: Log
  var configurations: ConfigurationHistory
  var durability: Durability
  var delivery: Delivery
  var retention: Retention
  /// When a broken session last started an election; `nil`: never.
  var lossHonouredAt: Instant?
  /// The latest instant that an input carried.
  var now: Instant
  var dice: SplitMix64

  /// *Precondition*: the log follows its base without a gap, in terms that never go back, and the
  /// state machine stands within it.
  public init(
    id: MemberID, settings: RaftSettings, recovered: Recovered, seed: UInt64, now: Instant
  ) {
    demand(id.number != 0, "member id zero is nobody")
    self.id = id
    self.settings = settings
    self.now = now
    hardState = recovered.hardState
    dice = SplitMix64(seed: seed)
    log = Log(base: recovered.base.last)
    configurations = ConfigurationHistory(base: recovered.base)
    for entry in recovered.entries {
      log.append(entry)
      configurations.append(entry)
      log.shrinkWindow(limitBytes: settings.windowLimitBytes, durable: entry.index)
    }
    // Only what is committed is applied.
    commitIndex = recovered.applied
    durability = Durability(hardState: hardState, last: log.last.index)
    delivery = Delivery(applied: recovered.applied)
    retention = Retention(base: log.base.index)
    role = .follower(Follower(leader: nil, heardAt: nil, electionAt: now))
    demand(
      recovered.applied >= log.base.index && recovered.applied <= log.last.index,
      "applied \(recovered.applied.number) lies outside the log "
        + "\(log.base.index.number)...\(log.last.index.number)")
    demand(
      log.last.term <= hardState.currentTerm,
      "the log ends in term \(log.last.term.number), after \(hardState.currentTerm.number)")
    becomeInitialFollower()
  }

  // MARK: Views

  public var currentTerm: Term { hardState.currentTerm }

  public var votedFor: MemberID? { hardState.votedFor }

  public var lastEntry: EntryID { log.last }

  /// What the log begins after, and the configuration in force there.
  public var base: LogBase {
    LogBase(last: log.base, configuration: configurations.base)
  }

  /// The snapshot that the state machine is to move to; `nil`: none.
  public var installing: EntryID? { delivery.installing?.last }

  /// The configuration in force: the last one appended, committed or not (Raft §6).
  public var configuration: Configuration {
    configurations.current
  }

  /// The configuration in force at an entry of the log; `nil`: it lies outside the log.
  public func configuration(at index: LogIndex) -> Configuration? {
    guard log.base.index <= index, index <= lastEntry.index else { return nil }
    return configurations.configuration(at: index)
  }

  /// The members of the configuration in force, and those that it would remove but that come back
  /// if it is never committed; sorted by id.
  public var possibleMembers: [Configuration.Member] {
    configurations.possibleMembers(committed: commitIndex)
  }

  /// Whoever is a member, or was one by what is left of the log.
  public var everyMember: Set<MemberID> { configurations.everyMember }

  /// The slot of the configuration in force; zero or the base's index: it came with the base.
  public var configurationIndex: LogIndex { configurations.currentIndex }

  /// The last configuration that is known to be committed, and its slot.
  public var committedConfiguration: (configuration: Configuration, index: LogIndex) {
    let index = configurations.committedIndex(commitIndex)
    return (configurations.configuration(at: index), index)
  }

  /// The slot of the last configuration that is known to be committed.
  public var committedConfigurationIndex: LogIndex {
    configurations.committedIndex(commitIndex)
  }

  /// Whether this member was one with this data directory, and is none any more, by what is
  /// committed here.
  public func wasRemoved(_ incarnation: Incarnation) -> Bool {
    configurations.wasRemoved(id, incarnation, committed: commitIndex)
  }

  public var quorum: Quorum {
    configurations.quorum
  }

  /// The log up to here is on this member's disk.
  public var durableIndex: LogIndex { durability.index }

  /// What the state machine has reported as applied.
  public var appliedIndex: LogIndex { delivery.applied }

  public var isLeader: Bool {
    if case .leader = role { true } else { false }
  }

  /// Who leads the current term, as far as is known here; possibly this member.
  public var leader: MemberID? {
    switch role {
    case .follower(let follower): follower.leader
    case .preCandidate, .candidate: nil
    case .leader: id
    }
  }

  /// What a leader knows of the other members, ascending by id; empty unless this member leads.
  public var followers: [Progress] {
    if case .leader(let leader) = role { leader.followers } else { [] }
  }

  /// Whether a leader has committed an entry of its own term, so that reads and changes may pass.
  public var hasCommittedInTerm: Bool {
    if case .leader(let leader) = role { commitIndex >= leader.firstIndex } else { false }
  }

  /// What this leader's disk holds up; `nil`: nothing, or this member does not lead.
  public var lateWrite: LateWrite? { isLeader ? durability.lateWrite : nil }

  /// Bytes of the log's entries in `(low, high]`. *Precondition*: it reaches to `high`.
  public func bytes(after low: LogIndex, through high: LogIndex) -> Int {
    log.bytes(after: max(low, log.base.index), through: high)
  }

  /// Whether a leader refuses proposals because it hands over (Thesis §3.10).
  public var isHandingOver: Bool {
    if case .leader(let leader) = role { leader.transfer != nil } else { false }
  }

  // MARK: The door

  /// Moves by one event. *Precondition*: instants never go back; an earlier one counts as now.
  public mutating func step(_ input: Input) -> Output {
    now = max(now, input.now)
    let before = Landmarks(self)
    var output = Output()
    handle(input.event, &output)
    doWhatIsDue(&output)
    checkInvariants(since: before)
    return output
  }

  private mutating func handle(_ event: Input.Event, _ output: inout Output) {
    switch event {
    case .timer: break  // What is due is done in `doWhatIsDue`, whatever moved the core.
    case .message(let message, from: let sender): receive(message, from: sender, &output)
    case .stored(let ticket): stored(ticket, &output)
    case .propose(let proposals): propose(proposals, &output)
    case .read(let id): read(id, &output)
    case .change(let change, let proposal): propose(change, as: proposal, &output)
    case .transferLeadership(to: let member): transferLeadership(to: member, &output)
    case .sessionOpened(let member): sessionOpened(with: member, &output)
    case .sessionLost(let member): sessionLost(with: member, &output)
    case .fetched(let fetch, let entries): fetched(fetch, entries, &output)
    case .applied(let index):
      applied(upTo: index)
    case .durableApplied(let index): durablyApplied(upTo: index, &output)
    case .snapshotSent(let request, let outcome): snapshotSent(request, outcome)
    case .restored(let base): restored(base)
    }
  }

  /// What follows from any event: due timers, sends, deliveries, and the one write of this step.
  private mutating func doWhatIsDue(_ output: inout Output) {
    fireTimers(&output)
    feedFollowers(&output)
    deliver(&output)
    log.shrinkWindow(limitBytes: settings.windowLimitBytes, durable: durability.index)
    sealWrite(&output)
    watchOldestWrite()
    output.wakeAt = wakeAt
  }
}
