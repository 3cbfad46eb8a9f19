import Linearizability
import Raft
import Replica

/// Stories about states that are no longer equal.
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
}
