import KeyValue
import Linearizability
import Raft
import Replica

/// Stories about states that are no longer equal, and about alarms.
extension Story {
  /// One member's memory holds another state than the log has made, and nothing of the log tells.
  /// The others are two of three, and agree.
  static let changedState = Story(
    "a changed state",
    { Scenario(members: 3) { $0.settings.digestInterval = .milliseconds(500) } }
  ) { scenario in
    let members = scenario.world.members
    guard let ill = members.min(by: { $0.id < $1.id }) else { return "there are no members" }
    let others = members.filter { $0.position != ill.position }
    // It leads, so that leadership must pass as well.
    scenario.elect(ill.position + 1)
    scenario.put("k", "before", at: others[0].position + 1)
    scenario.settle()
    scenario.world.changeState(of: ill)
    scenario.put("k", "between", at: others[0].position + 1)
    guard scenario.wait(timeouts: 40, until: { scenario.world.isFenced(ill) }) else {
      return "the member that differs is not fenced"
    }
    scenario.run(for: .seconds(5))
    for member in others where scenario.world.isFenced(member) {
      return "\(member.name) is fenced, and its state is sound"
    }
    if ill.isLeader { return "the member that is fenced does not hand over" }
    guard case .put = scenario.put("k", "after", at: others[0].position + 1) else {
      return "the others do not go on"
    }
    guard case .refused = scenario.get("k", .serializable, at: ill.position + 1) else {
      return "the member that is fenced still serves"
    }
    return nil
  }

  private static func smallQuota(_ members: Int) -> @Sendable () -> Scenario {
    {
      Scenario(members: members) {
        $0.settings.quotaBytes = 800
        // One entry a message: the removal travels alone.
        $0.settings.raft.appendLimitBytes = 1
        $0.settings.raft.inflightLimit = 1
      }
    }
  }

  /// m1 leads, the last member takes more space than it may, and all have applied its alarm.
  private static func raiseAlarm(_ scenario: Scenario) -> Bool {
    scenario.elect(1)
    let members = scenario.world.members
    scenario.world.step(members[members.count - 1], .storeSize(900))
    return scenario.wait {
      members.allSatisfy { $0.keyValue?.meta.alarms.isEmpty == false }
    }
  }

  /// Both have applied the entry, and there is no alarm any more.
  private static func areQuiet(
    _ scenario: Scenario, _ numbers: [Int], since entry: LogIndex
  ) -> Bool {
    numbers.allSatisfy { number in
      guard let meta = scenario[number].keyValue?.meta else { return false }
      return meta.appliedIndex >= entry.number && meta.alarms.isEmpty
    }
  }

  /// Nobody else could take back what a member has raised that is removed, and the store would be
  /// full for ever.
  static let departedAlarm = Story("the alarm of a member that is removed", smallQuota(3)) {
    scenario in
    guard raiseAlarm(scenario) else { return "m3 raises no alarm" }
    guard scenario.put("k", "full", at: 2) == .refused else { return "the alarm holds nobody" }
    let removal = scenario[1].log.lastIndex.next
    scenario.world.change(scenario[1], .remove(scenario[3].id))
    guard scenario.wait(until: { areQuiet(scenario, [1, 2], since: removal) })
    else { return "the alarm outlives its member" }
    guard case .put = scenario.put("k", "v", at: 2) else { return "the store takes nothing" }
    return nil
  }

  /// The same when all lose power as soon as the others have the removal, and m1, which was about
  /// to take the alarm back, stays away: who leads next has not seen m4 go, but the log says who
  /// was a member.
  static let lostAlarm = Story(
    "an alarm of who was removed before a power loss", smallQuota(4)
  ) { scenario in
    guard raiseAlarm(scenario) else { return "m4 raises no alarm" }
    let removal = scenario[1].log.lastIndex.next
    scenario.world.change(scenario[1], .remove(scenario[4].id))
    scenario.wait {
      [2, 3].allSatisfy { scenario[$0].durableLog.lastIndex >= removal }
    }
    for number in 1...4 { scenario.losePower(number) }
    guard [2, 3].allSatisfy({ scenario[$0].durableLog.lastIndex == removal }) else {
      return "the alarm was taken back before the power failed"
    }
    for number in [2, 3] { scenario.start(number) }
    guard scenario.wait(until: { areQuiet(scenario, [2, 3], since: removal) })
    else { return "the alarm outlives its member" }
    scenario.start(1)
    return scenario.settle() ? nil : "the members have not settled"
  }
}
