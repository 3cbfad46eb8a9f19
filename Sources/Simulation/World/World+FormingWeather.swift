import Base
import Raft

/// What befalls founders before their store has formed.
extension World {
  /// Founders come one after the other, are cut off, killed, and some of them lose their disks:
  /// less than half, for a store that loses more of those that formed with it is lost. It ends with
  /// whole links; whether the store has formed by then is open.
  func formUnderFaults() {
    guard let faults = weather.formingFaults else { return }
    isCalm = false
    let doomed = drawDoomed()
    for _ in 0..<Weather.formingTurns where violation == nil {
      run(until: now + faults.draw(&weatherDice))
      if beginTurn() { strikeFounder(doomed) }
    }
    healLinks()
    for member in members where member.isInitial { restart(member) }
    isCalm = true
  }

  private func drawDoomed() -> [SimulatedMember] {
    var founders = members.filter(\.isInitial)
    let count = (founders.count - 1) / 2
    return (0..<count).map { _ in founders.remove(at: weatherDice.index(below: founders.count)) }
  }

  private func strikeFounder(_ doomed: [SimulatedMember]) {
    let founders = members.filter(\.isInitial)
    let member = founders[weatherDice.index(below: founders.count)]
    let other = weatherDice.index(below: founders.count)
    switch weatherDice.index(below: 12) {
    case 0..<4: restart(member)
    case 4..<6:
      guard member.position != other else { return }
      network.set(member.position, other, isCut: true, at: now)
      if weather.resetsLinks { resetCutSessions() }
    case 6:
      tell(nil, "\(member.name) is cut off")
      network.partition([members.indices.filter { $0 != member.position }], at: now)
      if weather.resetsLinks { resetCutSessions() }
    case 7..<9: healLinks()
    case 9: crash(member, power: weatherDice.chance(1, in: 2))
    case 10:
      pause(member)
      after(weather.delay.high * 4, .resume(member.position))
    default:
      guard !doomed.isEmpty else { return }
      lose(doomed[weatherDice.index(below: doomed.count)])
    }
  }

  /// The disk of a founder is lost, formed or not; it comes back with its first flags.
  private func lose(_ member: SimulatedMember) {
    // Who has another place by now was started anew by an operator, and is no founder any more.
    guard !member.isBroken, member.isInitial, member.boot.number > 0 else { return }
    crash(member, power: true)
    wipe(member)
    // Until it has formed it may be a lost member of a store that has.
    member.isSuspect = true
    after(weather.delay.draw(&weatherDice) * 2, .restart(member.position))
  }
}
