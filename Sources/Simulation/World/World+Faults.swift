import FaultyStorage
import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// Disks that fail in every way, clocks that jump, links that flap, members that are told to end.
extension World {
  func strike(_ fault: Fault, _ member: SimulatedMember, _ length: Duration) {
    switch fault {
    case .flap:
      let other = weatherDice.index(below: members.count)
      if other != member.position {
        tell(nil, "the link of \(member.name) and \(members[other].name) flaps")
        flap(member.position, other, now + length)
      }
    case .clockJump: jumpClock(member)
    case .stalledDisk:
      tell(member, "has a disk that stalls")
      member.stalledUntil = max(member.stalledUntil, now + length * 4)
    case .fullDisk: fill(member, length)
    case .failingDisk: breakOperation(member)
    case .bitFlip: flipBit(member)
    case .wipe:
      guard member.isUp, isExpendable(member), !formsAlone(member) else { return }
      crash(member, power: true)
      wipe(member)
      giveUp(member)
      // It may try to come back as what it was, and must be refused.
      after(length, .crashSoon(member.position))
      start(member)
    case .terminate: terminate(member, within: length * 2 + weather.settings.raft.electionTimeout)
    case .powerCut: layPowerCut()
    case .crash, .powerLoss, .crashAll, .pause, .partition, .isolate, .oneWay, .bridge, .ring,
      .slowDisk, .heal, .transfer, .addLearner, .promote, .remove, .replaceVoters, .quorumLoss,
      .constrainedElection, .chained, .join, .leave, .succeed:
      preconditionFailure("\(fault) is struck elsewhere")
    }
  }

  /// With an empty disk and its first flags it would form a store of its own, and nobody could tell
  /// it better while it is cut off: whoever lets it start so must not (Docs/Operations.md).
  private func formsAlone(_ member: SimulatedMember) -> Bool {
    member.isInitial && weather.members == 1
  }

  /// A majority of the voters would be left without it, and no other member's disk is in doubt
  /// that counts for one. So it is with what the members are about to become: whoever asks, or
  /// promotes, in the moment in which a disk is lost cannot know of it yet.
  func isExpendable(_ member: SimulatedMember) -> Bool {
    guard !member.isSuspect, now >= membersAskedUntil,
      let leader = members.first(where: { $0.isLeader && !$0.isPaused }),
      let configuration = leader.core?.configuration,
      // Not while the members change: the next configuration may need it.
      leader.log.configuration == configuration,
      leader.appliedConfiguration == configuration,
      configuration.members.contains(where: { $0.id == member.id })
    else { return false }
    return [configuration, configuration.fulfilling(member.id)].allSatisfy { configuration in
      checks.majorityDurability.violation(committed: .zero, in: configuration) { id in
        guard id != member.id, let position = positionOf[id] else { return false }
        return !members[position].isSuspect
      } == nil
    }
  }

  // MARK: Links and clocks

  func flap(_ left: Int, _ right: Int, _ end: Instant) {
    guard !isCalm else { return }
    let isOpen = network.isOpen(left, right)
    for (from, to) in [(left, right), (right, left)] {
      network.set(from, to, isCut: isOpen && now < end, at: now)
    }
    if isOpen && weather.resetsLinks { resetCutSessions() }
    guard now < end else { return }
    let pause = networkDice.duration(in: .milliseconds(1)..<Duration.milliseconds(40))
    after(pause, .flapTurn(left, right, until: end))
  }

  /// The second half of a constrained election: the hub, which has missed what was written
  /// meanwhile, is the only one that the others reach, and the leader reaches nobody.
  func constrain(_ hub: Int) {
    guard !isCalm else { return }
    network.star(hub, at: now)
    for member in members where member.isLeader && member.position != hub {
      for other in members {
        network.set(member.position, other.position, isCut: true, at: now)
        network.set(other.position, member.position, isCut: true, at: now)
      }
    }
    tell(nil, "only \(members[hub].name) is reached")
    if weather.resetsLinks { resetCutSessions() }
  }

  /// The monotonic clock goes on while a machine sleeps, so it may jump ahead; never back.
  private func jumpClock(_ member: SimulatedMember) {
    let jump = Duration.milliseconds([1, 100, 10_000][weatherDice.index(below: 3)])
    tell(member, "has a clock that jumps ahead by \(jump)")
    member.clock.offset += jump.nanoseconds
    counts.clockJumps += jump
    member.undisturbedSince = now
    if member.isPaused { return }
    step(member, .timer)
  }

  /// Before its first message arrives: what it appended is on its own disk alone. When this befell
  /// two leaders, the next one is the first of them, whose log is longer than the third member's.
  /// Once the links are whole it writes its older entry over that of the second, whose log then
  /// ends earlier than before (as in Figure 8). Later it dies, and that begins anew.
  func cutOff(_ leader: SimulatedMember, _ boot: Boot) {
    guard !isCalm else { return }
    cutLeaders += 1
    guard beginTurn(), leader.boot == boot else { return }
    let timeout = weather.settings.raft.electionTimeout
    guard cutLeaders % 3 != 0 else {
      after(timeout, .healLinks)
      return after(timeout * 6, .crashSoon(leader.position))
    }
    tell(leader, "is cut off as it begins to lead")
    let others = members.indices.filter { $0 != leader.position }
    network.partition([Array(others)], at: now)
    if weather.resetsLinks { resetCutSessions() }
  }

  // MARK: Disks

  private func fill(_ member: SimulatedMember, _ length: Duration) {
    guard let files = member.disk.files, member.isRunning else { return }
    let room = [0, 8 << 10, 40 << 10][weatherDice.index(below: 3)]
    tell(member, "has \(room) bytes left on its disk")
    member.isFull = true
    files.resize(to: files.sizeBytes + room)
    after(length * 2, .diskRoom(member.position))
  }

  func makeRoom(_ member: SimulatedMember) {
    member.isFull = false
    member.disk.files?.resize(to: 1 << 40)
  }

  private func breakOperation(_ member: SimulatedMember) {
    guard let files = member.disk.files, member.isRunning else { return }
    let operations: [DiskFault.Operation?] = [.read, .write, .sync, .truncate, .names, nil]
    let operation = operations[weatherDice.index(below: operations.count)]
    let after = weatherDice.index(below: 20)
    tell(member, "has a disk that fails: \(operation.map { "\($0)" } ?? "anything")")
    member.mayFail = true
    files.arm(
      DiskFault(
        .inputOutput, of: operation, after: after, isLasting: weatherDice.chance(1, in: 2)))
  }

  private func flipBit(_ member: SimulatedMember) {
    guard let files = member.disk.files, isExpendable(member), !member.hasLostPower else { return }
    let paths = files.paths.filter { files.bytes(of: $0)?.isEmpty == false }
    guard !paths.isEmpty else { return }
    let path = paths[weatherDice.index(below: paths.count)]
    let bit = weatherDice.index(below: (files.bytes(of: path)?.count ?? 1) * 8)
    tell(member, "has bit \(bit) of \(path) turned over")
    (member.isSuspect, member.mayFail) = (true, true)
    files.flip(bit: bit, of: path)
    if weatherDice.chance(1, in: 2) {
      crash(member, power: false)
      after(weather.faultLength.draw(&weatherDice), .restart(member.position))
    }
  }

  // MARK: Power

  func armPowerCut() {
    guard !isCalm, let span = weather.powerCuts else { return }
    let isAllowed = beginTurn()
    after(span.draw(&weatherDice), .powerTurn)
    guard isAllowed else { return }
    // One that waits for something rare is given time.
    let isOwn = powerCut != nil && powerCut?.point == weather.powerPoint
    if powerCut == nil || weatherDice.chance(1, in: isOwn ? 16 : 4) { layPowerCut() }
  }

  /// Some operation after the next few of one kind, on whichever disk, is the last everywhere.
  func layPowerCut() {
    let points = DiskPoint.allCases
    var point = points[weatherDice.index(below: points.count)]
    // Three in four are of the kind that this seed is about.
    if let own = weather.powerPoint, weatherDice.chance(3, in: 4) { point = own }
    let limit = (point.isLong ? [1, 4, 30] : [1, 3, 8])[weatherDice.index(below: 3)]
    powerCut = PowerCut(point: point, after: weatherDice.index(below: limit))
  }

  // MARK: Processes

  func killSoon(_ member: SimulatedMember) {
    let delay = weatherDice.duration(in: .zero..<Duration.milliseconds(20))
    after(delay, .crashSoon(member.position))
  }

  func crashSoon(_ member: SimulatedMember) {
    guard !isCalm, member.isUp else { return }
    crash(member, power: false)
    after(weather.faultLength.draw(&member.dice), .restart(member.position))
  }

  // MARK: Compaction

  func compact() {
    guard !isCalm, let span = weather.compaction else { return }
    let isAllowed = beginTurn()
    let member = members[weatherDice.index(below: members.count)]
    after(span.draw(&weatherDice), .compactTurn)
    guard isAllowed, member.isRunning, !member.isPaused, let meta = member.view?.meta else {
      return
    }
    let revision = meta.revision - Int64(weatherDice.next(below: 8))
    guard revision > 1 else { return }
    counts.compactions += 1
    tell(member, "is asked to compact up to \(revision)")
    let request = ClientRequest(
      client: nil, attempt: 0, member: member.position, boot: member.boot,
      timeout: weather.clientTimeout, wish: .compact(revision))
    after(.microseconds(100), .request(request))
  }
}

extension Configuration {
  /// What comes of it when the member gets the place that it is promised.
  fileprivate func fulfilling(_ id: MemberID) -> Configuration {
    guard let promised = self[id], promised.role == .learner, promised.prospect != .none else {
      return self
    }
    var fulfilled = members
    if case .successor(of: let old) = promised.prospect { fulfilled.removeAll { $0.id == old } }
    for position in fulfilled.indices where fulfilled[position].id == id {
      (fulfilled[position].role, fulfilled[position].prospect) = (.voter, .none)
    }
    return Configuration(members: fulfilled)
  }
}
