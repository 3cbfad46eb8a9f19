import Base
@testable import Raft

/// One seed: a cluster, a weather, and a stream of orders and faults.
struct Swarm {
  private(set) var cluster: Cluster
  private var dice: SplitMix64
  /// Chances per mille, drawn per seed so that storms are not averaged out.
  private var crashChance: UInt64
  private var cutChance: UInt64
  private var changeChance: UInt64
  private var transferChance: UInt64
  private var proposals: UInt64

  init(seed: UInt64) {
    dice = SplitMix64(seed: seed &* 0x2545_F491_4F6C_DD1D)
    var settings = RaftSettings()
    settings.heartbeatInterval = .milliseconds(20)
    settings.electionTimeout = .milliseconds(100)
    settings.connectionLossDelay = .milliseconds(5)
    settings.inflightLimit = 1 + dice.index(below: 8)
    settings.appendLimitBytes = 40 + dice.index(below: 200)
    settings.retainedEntries = dice.next(below: 20)
    settings.windowLimitBytes = 100 + dice.index(below: 2000)
    settings.unappliedLimitBytes = 100 + dice.index(below: 2000)
    settings.uncommittedLimitBytes = 400 + dice.index(below: 4000)
    let voters = 1 + dice.next(below: 5)
    let spare = dice.next(below: 3)
    cluster = Cluster(
      voters: 1...voters, learners: Array(voters + 1..<voters + 1 + spare), seed: seed,
      settings: settings)
    cluster.weather.loss = [0, 10, 100, 300][dice.index(below: 4)]
    cluster.weather.duplication = [0, 20, 200][dice.index(below: 3)]
    cluster.weather.delay = .milliseconds([1, 5, 40][dice.index(below: 3)])
    cluster.weather.diskDelay = .milliseconds([1, 5, 60][dice.index(below: 3)])
    cluster.weather.applyDelay = .milliseconds([1, 20][dice.index(below: 2)])
    cluster.weather.reportsSessions = dice.chance(1, in: 2)
    crashChance = [0, 10, 40, 100][dice.index(below: 4)]
    cutChance = [0, 10, 60][dice.index(below: 3)]
    changeChance = [0, 30, 100][dice.index(below: 3)]
    transferChance = [0, 20][dice.index(below: 2)]
    proposals = [0, 1, 3][dice.index(below: 3)]
  }

  /// The storm, the calm after it, and the first thing that went wrong.
  mutating func play() -> String? {
    for _ in 0..<250 where cluster.checker.violation == nil {
      disturb()
      order()
      cluster.advance(by: dice.duration(in: .milliseconds(1)..<Duration.milliseconds(20)))
    }
    return cluster.checker.violation ?? recover()
  }

  private mutating func anyone() -> UInt64 { 1 + dice.next(below: UInt64(cluster.nodes.count)) }

  private mutating func disturb() {
    let number = anyone()
    if cluster.nodes[Int(number) - 1].isUp {
      if dice.chance(crashChance, in: 1000) { cluster.crash(number) }
    } else if dice.chance(200, in: 1000) {
      cluster.start(number)
    }
    if dice.chance(cutChance, in: 1000) { cut() }
    if !cluster.cuts.isEmpty && dice.chance(50, in: 1000) { cluster.heal() }
  }

  private mutating func cut() {
    if dice.chance(1, in: 2) {
      cluster.partition([anyone(), anyone()])
    } else {
      let from = Int(anyone()) - 1
      cluster.cuts.insert(Cluster.Link(from: from, to: Int(anyone()) - 1))
    }
  }

  private mutating func order() {
    for _ in 0..<proposals {
      let number = cluster.leaders.last ?? anyone()
      cluster.propose("command \(cluster.lastNumber)", to: number)
    }
    if dice.chance(1, in: 2) {
      let number = anyone()
      if cluster.nodes[Int(number) - 1].isUp { cluster.read(at: number) }
    }
    guard let leader = cluster.leaders.last else { return }
    if dice.chance(transferChance, in: 1000) { cluster.transfer(from: leader, to: nil) }
    if dice.chance(changeChance, in: 1000) { change(at: leader) }
  }

  private mutating func change(at leader: UInt64) {
    let number = anyone()
    let member = MemberID(number)
    switch dice.index(below: 4) {
    case 0: cluster.change(.addLearner(Cluster.member(number, .learner)), at: leader)
    case 1: cluster.change(.promote(member), at: leader)
    case 2: cluster.change(.remove(member), at: leader)
    case _:
      let members = cluster[leader].configuration.members.map(\.id)
      let voters = members.filter { _ in dice.chance(2, in: 3) }
      cluster.change(.setVoters(voters), at: leader)
    }
  }

  /// Heals everything and demands progress.
  private mutating func recover() -> String? {
    cluster.heal()
    cluster.weather.loss = 0
    cluster.weather.duplication = 0
    cluster.weather.delay = .milliseconds(1)
    cluster.weather.diskDelay = .milliseconds(1)
    cluster.weather.applyDelay = .milliseconds(1)
    for position in cluster.nodes.indices where !cluster.nodes[position].isUp {
      cluster.start(UInt64(position + 1))
    }
    // Members that were removed never learn of a commit, so only those in force must agree.
    var proposal: ProposalID?
    let isDone = cluster.run(upTo: .seconds(5)) { cluster in
      guard cluster.leaders.count == 1, let last = cluster.checker.history.last else {
        return false
      }
      let core = cluster[cluster.leaders[0]]
      return !core.isHandingOver && core.hasCommittedInTerm && !core.quorum.isJoint
        && core.commitIndex == last.index
        && core.lastEntry == last.id
        && core.configuration.members.allSatisfy {
          cluster[$0.id.number].appliedIndex == core.commitIndex
        }
    }
    if let violation = cluster.checker.violation { return violation }
    guard isDone, let leader = cluster.leaders.last else {
      return "five calm seconds did not bring the members together"
    }
    proposal = cluster.propose("after the storm", to: leader)
    cluster.read(at: leader)
    cluster.advance(by: .seconds(1))
    if let violation = cluster.checker.violation { return violation }
    guard cluster.checker.history.last?.content == .command(Array("after the storm".utf8)) else {
      return "proposal \(proposal?.number ?? 0) was not committed within a calm second"
    }
    guard cluster.checker.openReads == 0 else {
      return "\(cluster.checker.openReads) reads were never answered"
    }
    return nil
  }
}
