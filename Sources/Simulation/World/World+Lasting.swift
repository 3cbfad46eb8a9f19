import Base
import KeyValue
import Linearizability
import Raft
import Replica

/// A fault of a minority that does not end by itself (Docs/Architecture.md, *What must never
/// happen*): nobody's links break, nobody says anything, and the others must not wait for it.
public enum LastingFault: String, CaseIterable, Hashable, Sendable {
  /// The process hangs: its sessions stand, and nothing answers on them.
  case hungMember
  /// The disk takes no write, and refuses none.
  case stalledDisk
}

extension World {
  /// Strikes less than half of the voters of a settled cluster, often the leader among them, and
  /// demands that the others go on while it lasts; then that all are equal again.
  func demandDespiteLastingFault() {
    guard violation == nil, let fault = weather.lasting, let leader = commonLeader else { return }
    let voters = leader.log.configuration.members.filter { $0.role == .voter }
      .compactMap { positionOf[$0.id] }
    guard voters.count > 2 else { return }
    let ill = drawMinority(of: voters, leader.position)
    let sound = voters.filter { !ill.contains($0) }
    for position in ill { strike(fault, members[position]) }
    for round in 0..<3 where violation == nil {
      demandWrite("lasting \(round)", at: sound, fault)
      run(until: now + weather.settings.raft.electionTimeout * 2)
    }
    for position in ill { cure(fault, members[position]) }
    let limit = now + weather.settings.raft.electionTimeout * Simulator.settleLimit
    if !run(until: limit, { isSettled }) && violation == nil {
      fail("the members have not settled after a lasting \(fault)")
    }
  }

  private func drawMinority(of voters: [Int], _ leader: Int) -> [Int] {
    var dice = SplitMix64(seed: seed, for: "the minority")
    var others = voters
    var ill: [Int] = []
    if dice.chance(1, in: 2) {
      others.removeAll { $0 == leader }
      ill.append(leader)
    }
    while ill.count < (voters.count - 1) / 2 {
      ill.append(others.remove(at: dice.index(below: others.count)))
    }
    return ill
  }

  private func strike(_ fault: LastingFault, _ member: SimulatedMember) {
    switch fault {
    case .hungMember: pause(member)
    case .stalledDisk:
      tell(member, "has a disk that stalls for good")
      // Longer than anybody waits.
      member.stalledUntil = now + .seconds(3_600)
    }
  }

  private func cure(_ fault: LastingFault, _ member: SimulatedMember) {
    switch fault {
    case .hungMember: resume(member)
    case .stalledDisk: endStall(of: member)
    }
  }

  /// Within `Simulator.lastingLimit` one of the members that are well takes a write.
  private func demandWrite(_ value: String, at sound: [Int], _ fault: LastingFault) {
    let timeout = weather.settings.raft.electionTimeout
    let auditor = clients.count - 1
    let limit = now + timeout * Simulator.lastingLimit
    weather.clientTimeout = timeout * 2
    var turn = 0
    while violation == nil && now < limit {
      ask(auditor, .put(key: "k0", value: value), members[sound[turn % sound.count]])
      run(until: limit) { clients[auditor].pending == nil }
      if case .put = history.operations.last?.outcome { return }
      turn += 1
      run(until: min(limit, now + weather.settings.raft.heartbeatInterval))
    }
    if violation == nil {
      fail(
        "no write within \(Simulator.lastingLimit) election timeouts beside a lasting \(fault)")
    }
  }
}
