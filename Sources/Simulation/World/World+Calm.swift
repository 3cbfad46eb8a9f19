import FaultyStorage
import Base
import KeyValue
import Linearizability
import Raft
import Replica
import Storage

/// The storm, the calm after it, and what is demanded of a calm cluster.
extension World {
  /// Clients ask and the weather changes for this many events.
  func storm(steps: Int) {
    isCalm = false
    startClients()
    startKeepers()
    startWatchers()
    startBackups()
    after(weather.faultInterval.draw(&weatherDice), .weatherTurn)
    if let span = weather.powerCuts { after(span.draw(&weatherDice), .powerTurn) }
    if let span = weather.compaction { after(span.draw(&weatherDice), .compactTurn) }
    run(until: .distantFuture, limit: steps)
  }

  /// The storm is over: whole links, healthy disks, everyone up and awake.
  func calmDown() {
    tell(nil, "calm")
    isCalm = true
    smoothSince = now
    weather.lossPerThousand = 0
    weather.duplicatePerThousand = 0
    weather.reorderPerThousand = 0
    powerCut = nil
    weather.faultLength = .init(.milliseconds(5), .milliseconds(5))
    healLinks()
    for member in members {
      member.diskSlowness = 1
      endStall(of: member)
      makeRoom(member)
      // What takes its time to end has no more of it.
      if member.isTerminating { crash(member, power: false) }
      member.disk.files?.arm(nil)
      resume(member)
      if member.boot.number > 0 { restart(member) }
      if member.isRunning { step(member, .storeSize(0)) }
    }
  }

  /// Heals everything and demands a leader, a write, a read at every member, and equal states.
  func demandProgress() {
    guard violation == nil else { return }
    calmDown()
    let timeout = weather.settings.raft.electionTimeout
    let hasLeader = run(until: now + timeout * Simulator.electionLimit) { commonLeader != nil }
    guard hasLeader || violation != nil else {
      return fail("no leader within \(Simulator.electionLimit) election timeouts of calm")
    }
    let limit = now + timeout * Simulator.settleLimit
    let hasSettled = run(until: limit) {
      isSettled && clients.allSatisfy { $0.pending == nil }
    }
    guard hasSettled || violation != nil else {
      return fail("the members have not settled within \(Simulator.settleLimit) timeouts of calm")
    }
    demandService()
    demandExpiry()
    demandWatches()
    demandBackups()
    demandDespiteLastingFault()
  }

  func endStall(of member: SimulatedMember) {
    guard member.stalledUntil > now else { return }
    member.stalledUntil = now
    after(.zero, .diskDone(member.position, member.boot))
    if member.isLaneTurnDue { after(.zero, .laneTurn(member.position, member.boot)) }
    guard member.isRunning else { return }
    scheduleFlush(member, at: now)
    scheduleBackup(member, at: now)
  }

  /// A write, and then a read of everything at each member.
  private func demandService() {
    clients.append(SimulatedClient(dice: SplitMix64(seed: seed), lastSeen: []))
    let auditor = clients.count - 1
    weather.clientTimeout = weather.settings.raft.electionTimeout * 10
    guard let leader = commonLeader else { return fail("the leader is lost in calm") }
    demand(.put(key: "k0", value: "calm"), auditor, leader)
    let configuration = leader.core?.configuration
    for member in members where violation == nil {
      guard configuration?.members.contains(where: { $0.id == member.id }) ?? false else {
        continue
      }
      demand(.scan(.linearizable), auditor, member)
    }
    guard violation == nil else { return }
    let limit = now + weather.settings.raft.electionTimeout * Simulator.settleLimit
    if !run(until: limit, { isSettled }) && violation == nil {
      fail("the members' states differ in calm")
    }
  }

  /// Asks until the member serves it: it may just be counting who answers.
  private func demand(_ call: History.Call, _ client: Int, _ member: SimulatedMember) {
    let limit = now + weather.settings.raft.electionTimeout * Simulator.serviceLimit
    while violation == nil && now < limit {
      // A successor that comes late may take its place even now.
      if let leader = commonLeader, leader.log.configuration[member.id] == nil { return }
      ask(client, call, member)
      run(until: .distantFuture, limit: 1_000_000) { clients[client].pending == nil }
      switch history.operations.last?.outcome {
      case .put, .scanned: return
      case .deleted, .swapped, .got, .refused, .unknown, nil:
        run(until: now + weather.settings.raft.heartbeatInterval)
      }
    }
    if violation == nil { fail("\(member.name) does not serve in calm: \(call)") }
  }

  /// The leader that every member of its configuration follows, once it has committed an entry of
  /// its term; `nil`: there is none.
  var commonLeader: SimulatedMember? {
    var leader: SimulatedMember?
    for member in members where member.isLeader {
      if member.standing.term > leader?.standing.term ?? .zero { leader = member }
    }
    guard let leader, leader.log.id(at: leader.standing.commitIndex)?.term == leader.standing.term
    else { return nil }
    for member in leader.log.configuration.members {
      guard let position = positionOf[member.id] else { return nil }
      // Who is to be replaced does not come back before that.
      let isMissing = members[position].isBroken
      guard isMissing || members[position].standing.leader == leader.id else { return nil }
    }
    return leader
  }

  /// Everything that the leader has in its log is applied by everyone.
  var isSettled: Bool {
    guard let leader = commonLeader, leader.standing.commitIndex == leader.log.lastIndex else {
      return false
    }
    let last = leader.log.lastIndex.number
    guard !members.contains(where: \.isBroken) else { return false }
    return leader.log.configuration.members.allSatisfy { member in
      // Equal digests at equal indices are checked whenever something is applied.
      positionOf[member.id].map { members[$0].keyValue?.meta.appliedIndex == last } ?? false
    }
  }

  /// What the clients saw was one store.
  func judgeHistory() {
    guard violation == nil else { return }
    switch Checker(stepLimit: 200_000).verdict(on: history) {
    case .linearizable: return
    case .violated(let violation): fail("\(violation)")
    case .undecided(let keys): tell(nil, "undecided: \(keys.joined(separator: " "))")
    }
  }
}
