import Base
import KeyValue
import Linearizability
import Raft
import Replica

/// A world without weather, led by hand: for stories that no storm tells reliably. Members count
/// from one.
struct Scenario {
  let world: World
  private let story: Story

  /// The lines told since they were last taken.
  private final class Story {
    var lines: [String] = []
  }

  /// Forms a cluster and waits until it has a leader that all follow. `starting`: the only founders
  /// that are started, and nobody waits.
  init(
    members: Int, seed: UInt64 = 1, spareMembers: Int = 0, starting numbers: [Int]? = nil,
    _ adjust: (inout Weather) -> Void = { _ in }
  ) {
    var weather = Weather()
    weather.members = members
    weather.delay = .init(.microseconds(100), .microseconds(100))
    weather.sync = .init(.microseconds(100), .microseconds(100))
    weather.apply = .init(.microseconds(20), .microseconds(20))
    weather.clients = 1
    weather.clientTimeout = .seconds(5)
    adjust(&weather)
    world = World(seed: seed, weather: weather, spareMembers: spareMembers)
    let story = Story()
    self.story = story
    world.tracesMessages = false
    world.trace = { story.lines.append($0) }
    world.begin(starting: numbers.map { $0.map { $0 - 1 } })
    world.isCalm = true
    if numbers == nil { settle() }
  }

  subscript(_ number: Int) -> SimulatedMember { world.members[number - 1] }

  var violation: String? { world.violation }
  var electionTimeout: Duration { world.weather.settings.raft.electionTimeout }

  /// Who leads, in whatever term, ascending.
  var leaders: [Int] { world.members.filter(\.isLeader).map { $0.position + 1 } }

  /// What happened since the last time, without instants and without what clients and followers
  /// repeat.
  func takeTrace() -> String {
    defer { story.lines = [] }
    let told = story.lines.map { $0.drop { $0 != " " }.dropFirst() }
    return told.filter { $0.hasPrefix("m") && !$0.contains(" commits ") }.joined(separator: "\n")
  }

  // MARK: Time

  func run(for duration: Duration) { world.run(until: world.now + duration) }

  /// Whether the condition came to hold within so many election timeouts.
  @discardableResult
  func wait(timeouts: Int = 20, until condition: () -> Bool) -> Bool {
    world.run(until: world.now + electionTimeout * timeouts, condition)
  }

  /// Waits until one leader is followed by everyone and everything is applied.
  @discardableResult
  func settle(timeouts: Int = 20) -> Bool { wait(timeouts: timeouts) { world.isSettled } }

  /// Lets leadership pass to a member.
  func elect(_ number: Int) {
    settle()
    for _ in 0..<10 where !self[number].isLeader {
      guard let leader = world.commonLeader else { return }
      world.transfer(leader, to: self[number].id)
      wait(timeouts: 5) { self[number].isLeader && world.commonLeader === self[number] }
    }
    precondition(self[number].isLeader, "m\(number) was not elected: \(leaders) lead")
    settle()
  }

  // MARK: What happens to it

  /// Only members of one group reach each other; the links go silent.
  func partition(_ groups: [[Int]]) {
    world.network.partition(groups.map { $0.map { $0 - 1 } }, at: world.now)
  }

  func cut(_ from: Int, to others: [Int]) {
    for other in others {
      world.network.set(from - 1, other - 1, isCut: true, at: world.now)
    }
  }

  func heal() { world.healLinks() }
  func kill(_ number: Int) { world.crash(self[number], power: false) }
  func losePower(_ number: Int) { world.crash(self[number], power: true) }
  func start(_ number: Int) { world.restart(self[number]) }
  func wipe(_ number: Int) { world.wipe(self[number]) }

  // MARK: A client

  /// Asks a member, and waits for the answer.
  func ask(_ call: History.Call, at number: Int) -> History.Outcome {
    begin(call, at: number)
    world.run(until: world.now + .seconds(60)) { world.clients[0].pending == nil }
    return world.history.operations.last?.outcome ?? .unknown
  }

  /// Asks a member, and does not wait.
  func begin(_ call: History.Call, at number: Int) {
    precondition(world.clients[0].pending == nil, "the client waits for its last answer")
    world.ask(0, call, self[number])
  }

  @discardableResult
  func put(_ key: String, _ value: String, at number: Int) -> History.Outcome {
    ask(.put(key: key, value: value), at: number)
  }

  func get(
    _ key: String, _ consistency: History.Consistency = .linearizable, at number: Int
  ) -> History.Outcome {
    ask(.get(key: key, consistency), at: number)
  }

  /// Asks a member for a command of leases, and waits for the result; `nil`: it was refused, or
  /// nobody knows. *Precondition*: the weather has a keeper of leases.
  func ask(_ command: Command, at number: Int) -> CommandResult? {
    world.send(command, by: 0, to: self[number])
    let attempt = world.keepers[0].attempt
    world.run(until: world.now + .seconds(60)) { world.keepers[0].attempt != attempt }
    return world.keepers[0].lastResult
  }

  /// The history of all that was asked is one of a linearizable store.
  func judge() { world.judgeHistory() }
}
