import Base

/// For an explorer of all states: what of a core is the same state.
extension RaftCore {
  /// The same member with its clock at zero: whoever it hears was heard just now, every time-out
  /// lies ahead at a fixed distance, a read that waits has just come, and tickets count from one.
  /// How far a clock has run is for the explorer to choose, so it need not be part of a state.
  package mutating func forgetTime() {
    let isHearing = hearsLeader
    let lossWasLate = lossHonouredAt.map { now < $0 + settings.electionTimeout } ?? false
    // Half-way through the draw: a leader can fall silent before this member stands for election.
    let electionAt = Instant.zero + settings.electionTimeout * 3 / 2
    let readDeadline = Instant.zero + settings.electionTimeout
    switch role {
    case .follower(var follower):
      for position in follower.reads.indices { follower.reads[position].deadline = readDeadline }
      follower.heardAt = isHearing ? .zero : nil
      follower.electionAt = electionAt
      role = .follower(follower)
    case .preCandidate(var candidate):
      candidate.granted.sort()
      candidate.electionAt = electionAt
      role = .preCandidate(candidate)
    case .candidate(var candidate):
      candidate.granted.sort()
      candidate.electionAt = electionAt
      role = .candidate(candidate)
    case .leader(var leader):
      leader.reads.setDeadlines(to: readDeadline)
      leader.heartbeatAt = .zero + settings.heartbeatInterval
      leader.transfer?.deadline = .zero + settings.electionTimeout
      for position in leader.followers.indices {
        leader.followers[position].heardAt = .zero
        leader.followers[position].acknowledgedAt = nil
      }
      role = .leader(leader)
    }
    lossHonouredAt = lossWasLate ? .zero : nil
    durability.renumberTickets()
    log.forgetCuts()
    dice = SplitMix64(seed: 0)
    now = .zero
  }

  /// Whether, with the clock at zero, it still counts on the leader that it heard or on itself.
  package var isHearingLeader: Bool { hearsLeader }

  /// The entries after the base. *Precondition*: memory holds all of them.
  package var entries: [Entry] {
    guard lastEntry.index > log.base.index else { return [] }
    let all = log.entries(from: log.base.index.next, through: lastEntry.index, limitBytes: .max)
    guard let all else { fatalError("entry \(log.base.index.number + 1) left memory") }
    return all
  }

  /// Everything that may decide what this core does next, once it has forgotten the time.
  package func canonicalize(_ canonical: inout CanonicalState) {
    canonical.add(id)
    canonical.add(hardState)
    canonical.add(role)
    canonical.add(commitIndex)
    canonical.add(base)
    canonical.add(entries)
    canonical.add(log.windowStart)
    durability.canonicalize(&canonical)
    canonical.add(delivery)
    canonical.add(retention.durableApplied)
    canonical.add(retention.bytesBehind)
    canonical.add(lossHonouredAt)
  }
}

extension CanonicalState {
  fileprivate mutating func add(_ role: Role) {
    switch role {
    case .follower(let follower):
      add(0)
      add(follower.leader)
      add(follower.heardAt)
      add(follower.quickTries)
      add(follower.answeredRound.map { $0 + 1 } ?? 0)
      add(follower.reads.count)
      for read in follower.reads { add(read.id.number) }
    case .preCandidate(let candidate):
      add(1)
      add(set: candidate.granted)
      add(candidate.quickTries)
    case .candidate(let candidate):
      add(2)
      add(set: candidate.granted)
      add(candidate.quickTries)
    case .leader(let leader):
      add(3)
      add(leader)
    }
  }

  private mutating func add(_ leader: Leader) {
    add(leader.firstIndex)
    add(leader.round)
    add(leader.uncommittedBytes)
    add(leader.transfer?.to)
    add([leader.transfer?.isSent ?? false])
    add(leader.followers.count)
    for follower in leader.followers.sorted(by: { name(of: $0.member) < name(of: $1.member) }) {
      follower.canonicalize(&self)
    }
    leader.reads.canonicalize(&self)
  }

  fileprivate mutating func add(_ delivery: Delivery) {
    add(delivery.handedOver)
    add(delivery.applied)
    add(delivery.unappliedBytes)
    add(delivery.installing)
    add(delivery.fetching.map { [$0.first, $0.last] } ?? [])
  }
}
