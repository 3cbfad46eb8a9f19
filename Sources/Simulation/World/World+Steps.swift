import Base
import Member
import Raft
import Replica
import Storage

/// Moving a core, and doing what it asks.
extension World {
  func wake(_ member: SimulatedMember) {
    member.wakeScheduled = .distantFuture
    guard member.isRunning else { return }
    if member.wakeAt <= now { step(member, .timer) } else { scheduleWake(member) }
  }

  func step(_ member: SimulatedMember, _ event: ReplicaEvent) {
    guard violation == nil, member.isRunning, !member.hasFailed else { return }
    let input = ReplicaInput(now: member.clock.local(at: now), event: event)
    guard let effects = member.core?.step(input) else { return }
    member.watchStanding.follow(
      leader: member.core?.leader, isQuorate: member.core?.isQuorate,
      isFenced: member.core?.isFenced ?? false, weather.settings.quorumPolicy, now: { now })
    carryOut(effects, member)
    if let marks = member.marks {
      check(checks.neverBack.violation(member: member.id, marks))
    }
    inspectHealth(member)
  }

  private func inspectHealth(_ member: SimulatedMember) {
    guard case .serves? = member.core?.writeHealth(at: member.clock.local(at: now)),
      let applied = member.core?.appliedIndex
    else { return }
    let limit = weather.settings.raft.electionTimeout * 3
    check(
      checks.honestHealth.violation(
        member: member.id, applied: applied, at: now,
        limit: member.clock.worldDuration(limit), checks.committed))
  }

  private func carryOut(_ effects: ReplicaEffects, _ member: SimulatedMember) {
    for write in effects.writes { queueWrite(write, member) }
    observe(effects.notes, member)
    observeCommit(member, effects.notes.firstChangeAfterCommit)
    for envelope in effects.sends { transmit(envelope, from: member) }
    startLog(member)
    if let base = effects.restore {
      tell(member, "moves to the snapshot at \(base.last.index.number)")
      post(.restore(base), from: .replica, to: member)
    }
    if !effects.apply.isEmpty { post(.entries(effects.apply), from: .replica, to: member) }
    for fetch in effects.fetches { post(.fetch(fetch), member) }
    for request in effects.snapshots { exchange(member, .requested(request)) }
    for answer in effects.answers { take(answer, member) }
    if let view = effects.quorum {
      member.quorumView = view
      tell(member, "hears \(view.current.heard) of \(view.current.voters)")
    }
    member.wakeAt = member.clock.world(when: effects.wakeAt)
    scheduleWake(member)
    if effects.isRemoved { leave(member) }
    if effects.isDrained && member.isTerminating {
      let left = member.waiting.count
      check(left == 0 ? nil : "\(member.name) is drained and owes \(left) answers")
      queue.push(.terminated(member.position, member.boot), at: now)
    }
  }

  private func scheduleWake(_ member: SimulatedMember) {
    guard member.wakeAt < member.wakeScheduled else { return }
    member.wakeScheduled = max(member.wakeAt, now)
    queue.push(.wake(member.position, member.boot), at: member.wakeScheduled)
  }

  // MARK: What the checks see

  private func observe(_ notes: [ReplicaNote], _ member: SimulatedMember) {
    for note in notes {
      if case .forgotEntries(after: let end, acknowledged: let claimed) = note {
        preconditionFailure("m\(member.id.number) has acknowledged \(claimed), and holds \(end)")
      }
      guard case .raft(let note) = note else { continue }
      switch note {
      case .becameLeader(let term):
        counts.elections += 1
        tell(member, "leads term \(term.number)")
        check(checks.electionSafety.violation(leader: member.id, term: term))
        check(checks.committed.violation(leader: member.id, term: term, log: member.log))
        observeMembership(member)
        if weather.cutsNewLeaders && !isCalm {
          queue.push(.cutLeader(member.position, member.boot), at: now)
        }
      case .configurationChanged(let configuration, let index):
        counts.configurationChanges += 1
        // Whom it pings has changed: it takes a while until it hears them.
        member.undisturbedSince = now
        tell(member, "configuration at \(index.number): \(text(configuration))")
        observeMembership(member)
      case .logTruncated(let index):
        tell(member, "truncates its log after \(index.number)")
        observeMembership(member)
      case .becameFollower(let term, let leader):
        tell(member, "follows \(leader.map(text) ?? "nobody") in term \(term.number)")
      case .becamePreCandidate(let term):
        tell(member, "asks for pre-votes in term \(term.number)")
      case .becameCandidate(let term): tell(member, "stands for term \(term.number)")
      case .committed(let index): tell(member, "commits \(index.number)")
      case .transferStarted(let target): tell(member, "hands over to \(text(target))")
      case .transferEnded: tell(member, "hand-over ended")
      case .steppedDown(.quorumLost): tell(member, "steps down: quorum lost")
      case .steppedDown(.removed): tell(member, "steps down: removed")
      }
    }
  }

  private func observeMembership(_ member: SimulatedMember) {
    guard let configuration = member.core?.configuration, !member.isInstalling else { return }
    check(
      checks.membershipFold.violation(
        member: member.id, inForce: configuration, log: member.log))
  }

  /// A commit index that is news to the world is on enough disks.
  ///
  /// `change`: where a configuration was appended that had waited for the commit. It was not in
  /// force when the copies were counted.
  private func observeCommit(_ member: SimulatedMember, _ change: LogIndex?) {
    let index = member.standing.commitIndex
    let isNews = index > checks.committed.lastIndex
    check(
      checks.committed.violation(
        member: member.id, commits: index, in: member.standing.term, log: member.log, at: now))
    guard isNews, violation == nil else { return }
    let entry = checks.committed.last
    let inForce = change.map { member.log.configuration(before: $0) } ?? member.log.configuration
    check(
      checks.majorityDurability.violation(committed: entry, in: inForce) { id in
        guard let position = positionOf[id] else { return false }
        // A disk that was lost held it when it was acknowledged; only a minority is ever lost.
        return members[position].isBroken || members[position].durable.log.covers(entry)
      })
  }

  /// A message leaves: it must be true after any crash.
  func observePromise(
    _ message: Message, to: MemberID, _ member: SimulatedMember, as log: ShadowLog
  ) {
    check(
      checks.durablePromises.violation(
        member: member.id, message: message, to: to, hardState: member.durable.hardState,
        log: member.durable.log, asOf: log))
    let candidate: MemberID
    switch message.body {
    case .voteReply(VoteReply(granted: true)): candidate = to
    case .requestVote: candidate = member.id
    case .voteReply, .preVote, .preVoteReply, .appendEntries, .appendReply, .heartbeat,
      .heartbeatReply, .installSnapshot, .timeoutNow, .readIndex, .readIndexReply:
      return
    }
    check(
      checks.oneVoteATerm.violation(
        voter: member.id, incarnation: member.incarnation, term: message.term,
        candidate: candidate))
  }

  func text(_ id: MemberID) -> String {
    positionOf[id].map { members[$0].name } ?? name(id)
  }

  func text(_ configuration: Configuration) -> String {
    configuration.members.map { "\(text($0.id)) \($0.role)" }.joined(separator: ", ")
  }
}

extension [ReplicaNote] {
  /// The slot of a configuration that was appended in the step in which something was committed,
  /// and after that.
  fileprivate var firstChangeAfterCommit: LogIndex? {
    var hasCommitted = false
    for case .raft(let note) in self {
      switch note {
      case .committed: hasCommitted = true
      case .configurationChanged(_, at: let index) where hasCommitted: return index
      case .becameFollower, .becamePreCandidate, .becameCandidate, .becameLeader,
        .configurationChanged, .logTruncated, .transferStarted, .transferEnded, .steppedDown:
        continue
      }
    }
    return nil
  }
}
