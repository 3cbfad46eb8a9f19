import Linearizability
import Base
import Member
import Raft
import Replica

/// Stories about snapshots whose other side is gone without a word. Each ends well without any
/// fault's end: what is gone stays gone until all that is demanded has come about.
extension Story {
  /// Nobody ever learns of the end of a connection, and m3 needs a snapshot.
  private static func behind() -> Scenario {
    Scenario(members: 3) {
      $0.settings.raft.retainedEntries = 5
      $0.tendPerThousand = 1_000
      $0.chunkBytes = 100
      $0.silentEndsPerThousand = 1_000
      // An arrival's last sync takes a moment.
      $0.sync = .init(.milliseconds(20), .milliseconds(20))
    }
  }

  private static func bringUpThird(_ scenario: Scenario) {
    scenario.elect(1)
    scenario.kill(3)
    for number in 1...60 { scenario.put("k\(number)", "v\(number)", at: 1) }
    scenario.run(for: .seconds(1))
    scenario.start(3)
    scenario.wait { scenario[3].exchange.isReceiving }
  }

  /// The machine of the leader loses its power while m3 receives. Its connection stays at m3, and
  /// m2 commits nothing before it has brought m3 up itself.
  static let silentSender = Story(
    "a leader that dies silently in the middle of a snapshot", behind
  ) { scenario in
    bringUpThird(scenario)
    guard scenario[3].exchange.isReceiving else { return "m3 receives no snapshot" }
    scenario.losePower(1)
    let isServed = scenario.wait(timeouts: 4) {
      let leader = scenario[2]
      return leader.isLeader
        && leader.log.id(at: leader.standing.commitIndex)?.term == leader.standing.term
    }
    guard isServed else { return "two of three commit nothing" }
    scenario.start(1)
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// The disk of the leader stalls for a minute while it brings m3 up: what m2 acknowledges is not
  /// committed before m3 has all of it, or that disk goes on. m2 leads, and brings m3 up itself.
  static let stalledSender = Story(
    "a leader whose disk stalls in the middle of a snapshot", behind
  ) { scenario in
    bringUpThird(scenario)
    guard scenario[3].exchange.isReceiving else { return "m3 receives no snapshot" }
    scenario[1].stalledUntil = scenario.world.now + .seconds(60)
    let commit = scenario[1].standing.commitIndex
    scenario.begin(.put(key: "k", value: "while"), at: 2)
    guard scenario.wait(timeouts: 10, until: { scenario[2].standing.commitIndex > commit.next })
    else { return "two of three commit nothing" }
    scenario.run(for: .seconds(60))
    return scenario.settle(timeouts: 60) ? nil : "the members have not settled"
  }

  /// The machine of m3 loses its power when all has come and before its word is out. It comes back,
  /// and the leader must not wait for the word of its earlier run.
  static let silentReceiver = Story(
    "a follower that dies silently before its word", behind
  ) { scenario in
    bringUpThird(scenario)
    let hasAll = scenario.wait {
      scenario[3].snapshotLetters.contains { letter in
        if case .order(.finish) = letter { true } else { false }
      }
    }
    guard hasAll else { return "m3 is not sent all of a snapshot" }
    scenario.losePower(3)
    scenario.run(for: .milliseconds(10))
    scenario.start(3)
    return scenario.settle(timeouts: 4) ? nil : "m3 is not brought up again"
  }
}
