import Base
@testable import Raft

/// What a test tells a cluster to do.
extension Cluster {
  // MARK: Clients

  /// Proposes a command; returns its proposal.
  @discardableResult
  mutating func propose(_ command: String, to number: UInt64) -> ProposalID {
    lastNumber += 1
    let proposal = Proposal(id: ProposalID(lastNumber), command: Array(command.utf8))
    step(Int(number) - 1, .propose([proposal]))
    return proposal.id
  }

  @discardableResult
  mutating func change(_ change: ConfigurationChange, at number: UInt64) -> ProposalID {
    lastNumber += 1
    step(Int(number) - 1, .change(change, ProposalID(lastNumber)))
    return ProposalID(lastNumber)
  }

  @discardableResult
  mutating func read(at number: UInt64) -> ReadID {
    lastNumber += 1
    let id = ReadID(lastNumber)
    checker.readAsked(id, of: Int(number) - 1)
    step(Int(number) - 1, .read(id))
    return id
  }

  mutating func transfer(from number: UInt64, to target: UInt64?) {
    step(Int(number) - 1, .transferLeadership(to: target.map { MemberID($0) }))
  }

  // MARK: Elections

  /// Elects this member and lets the cluster come to rest.
  mutating func elect(_ number: UInt64) {
    campaign(number)
    settle()
    precondition(self[number].isLeader, "m\(number) was not elected:\n\(takeTrace())")
  }

  /// This member's patience ends. The others' does not, but the followers among them have not
  /// heard their leader for so long that they would vote again.
  mutating func campaign(_ number: UInt64) {
    let position = Int(number) - 1
    for other in nodes.indices where other != position && !nodes[other].core.isLeader {
      nodes[other].core.forgetLeaderContact()
    }
    let due = nodes[position].core.wakeAt
    nodes[position].skew = max(nodes[position].skew, due - now)
    step(position, .timer)
  }

  // MARK: Faults

  /// Cuts these members off from all others, silently.
  mutating func partition(_ numbers: [UInt64]) {
    let side = numbers.map { Int($0) - 1 }
    for one in side {
      for other in nodes.indices where !side.contains(other) {
        cuts.insert(Link(from: one, to: other))
        cuts.insert(Link(from: other, to: one))
      }
    }
  }

  mutating func heal() { cuts = [] }

  mutating func crash(_ number: UInt64) {
    let position = Int(number) - 1
    // Writes reach the disk in order; some may have, unnoticed.
    let isCalm = weather.diskDelay == .zero
    let survivors = isCalm ? 0 : dice.index(below: nodes[position].pending.count + 1)
    for write in nodes[position].pending.prefix(survivors) { nodes[position].disk.apply(write) }
    nodes[position].pending = []
    nodes[position].queue = []
    nodes[position].isUp = false
    nodes[position].boot += 1
    checker.crashed(position)
    trace.append("m\(number) crashes")
    report(position, isOpen: false)
  }

  mutating func start(_ number: UInt64) {
    let position = Int(number) - 1
    let disk = nodes[position].disk
    nodes[position].core = RaftCore(
      id: MemberID(number), settings: settings,
      recovered: Recovered(
        hardState: disk.hardState, base: disk.base, entries: disk.entries,
        applied: disk.machine.applied.index),
      seed: dice.next(), now: now + nodes[position].skew)
    nodes[position].machine = disk.machine
    nodes[position].isUp = true
    nodes[position].wakeAt = .distantFuture
    trace.append("m\(number) starts")
    report(position, isOpen: true)
    step(position, .timer)
  }

  /// Tells both ends of each session, if the weather lets them know.
  private mutating func report(_ position: Int, isOpen: Bool) {
    guard weather.reportsSessions else { return }
    for other in nodes.indices where other != position && nodes[other].isUp {
      plan(
        .session(other, with: position, isOpen: isOpen, boot: nodes[other].boot),
        after: weather.delay)
      guard isOpen else { continue }
      plan(
        .session(position, with: other, isOpen: true, boot: nodes[position].boot),
        after: weather.delay)
    }
  }
}

extension RaftCore {
  /// As if an election timeout had passed since the leader was heard.
  mutating func forgetLeaderContact() {
    if case .follower = role { following.heardAt = nil }
  }
}

// MARK: Beginnings

extension Cluster {
  /// Starts this member over with this log on its disk: one command for each term.
  mutating func load(_ number: UInt64, terms: [UInt64], currentTerm: UInt64) {
    let position = Int(number) - 1
    nodes[position].disk.hardState = HardState(currentTerm: Term(currentTerm))
    nodes[position].disk.entries = .terms(terms)
    nodes[position].boot += 1
    start(number)
    _ = takeTrace()
  }

  /// Makes this member lead the next term by votes that the others are said to have given.
  mutating func makeLeader(_ number: UInt64) {
    let position = Int(number) - 1
    let isStopped = stoppedDisks
    let isCut = cuts
    stoppedDisks = []
    for other in nodes.indices { cuts.insert(Link(from: position, to: other)) }
    campaign(number)
    let next = nodes[position].core.currentTerm.next
    for other in nodes.indices where other != position {
      let id = MemberID(UInt64(other + 1))
      if case .preCandidate = nodes[position].core.role {
        let reply = Message.Body.preVoteReply(VoteReply(granted: true))
        step(position, .message(Message(term: next, body: reply), from: id))
      }
    }
    settle()
    for other in nodes.indices where other != position && !nodes[position].core.isLeader {
      let reply = Message.Body.voteReply(VoteReply(granted: true))
      step(position, .message(Message(term: next, body: reply), from: MemberID(UInt64(other + 1))))
    }
    stoppedDisks = isStopped
    cuts = isCut
    advance(by: settings.heartbeatInterval)
    precondition(nodes[position].core.isLeader, "m\(number) was not made the leader")
  }
}
