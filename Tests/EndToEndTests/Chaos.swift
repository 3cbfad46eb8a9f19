import Base
import Foundation
import Lab

/// Trouble for a lab's members, drawn from a seed: the seed decides what happens and for how long,
/// the machine what it meets.
///
/// Networks, processes and disks have a lane each, so that any two or three troubles overlap.
struct Chaos: Sendable {
  let seed: UInt64
  let lab: LocalLab
  let members: Int

  /// What befell the members, in words.
  struct Toll: Sendable, CustomStringConvertible {
    private(set) var counts: [String: Int] = [:]

    mutating func add(_ blow: String) { counts[blow, default: 0] += 1 }

    static func + (left: Toll, right: Toll) -> Toll {
      var sum = left
      sum.counts.merge(right.counts) { $0 + $1 }
      return sum
    }

    var blows: Int { counts.values.reduce(0, +) }

    var description: String {
      counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
    }
  }

  /// Strikes until the time is up; then nothing is wrong any more, and every member runs.
  func strike(for time: Duration) async throws -> Toll {
    let end = ContinuousClock.now + time
    let toll = try await withThrowingTaskGroup(of: Toll.self) { group in
      for lane in Lane.allCases {
        group.addTask { await run(lane, until: end) }
      }
      return try await group.reduce(Toll()) { $0 + $1 }
    }
    try calm()
    return toll
  }

  // MARK: Lanes

  private enum Lane: UInt64, CaseIterable { case network, processes, disks }

  private func run(_ lane: Lane, until end: ContinuousClock.Instant) async -> Toll {
    var dice = SplitMix64(seed: seed &* 3 &+ lane.rawValue)
    var toll = Toll()
    while ContinuousClock.now < end {
      let blow =
        switch lane {
        case .network: cut(&dice)
        case .processes: harm(&dice)
        case .disks: spoil(&dice)
        }
      let trouble = dice.duration(in: .milliseconds(100) ..< .milliseconds(2_000))
      let peace = dice.duration(in: .milliseconds(100) ..< .milliseconds(1_500))
      // A member that is paused or dead obeys no order: that is no failure of the lab.
      if (try? blow.begin()) != nil { toll.add(blow.name) }
      try? await Task.sleep(until: min(end, .now + trouble))
      _ = try? blow.end()
      try? await Task.sleep(until: min(end, .now + peace))
    }
    return toll
  }

  private struct Blow: Sendable {
    var name: String
    var begin: @Sendable () throws -> Void
    var end: @Sendable () throws -> Void = {}
  }

  private func cut(_ dice: inout SplitMix64) -> Blow {
    let manner: Partition.Manner = dice.chance(1, in: 2) ? .silent : .reset
    let one = 1 + dice.index(below: members)
    let other = 1 + (one + dice.index(below: members - 1)) % members
    let shapes = ["halves", "isolate \(one)", "bridge \(one)", "one-way \(one)>\(other)", "ring"]
    // A ring of three is whole.
    let shape = shapes[dice.index(below: members > 3 ? 5 : 4)]
    return Blow(name: String(shape.prefix { $0 != " " })) { [lab, members] in
      let words = shape.split(separator: " ").map(String.init)
      _ = try lab.partition(Partition(parsing: words, members: members, manner: manner))
    } end: { [lab] in
      _ = try lab.heal()
    }
  }

  private func harm(_ dice: inout SplitMix64) -> Blow {
    let one = 1 + dice.index(below: members)
    let all = Array(1...members)
    return switch dice.index(below: 11) {
    case 0, 1: down("kill", [one])
    case 2, 3: down("kill leader", nil)
    case 4: down("kill all", all)
    case 5: down("kill most", Array(all.filter { $0 != one }.prefix(members / 2 + 1)))
    case 6: rolling(all)
    case 7, 8: wipe(one)
    default: pause(one)
    }
  }

  /// `nil`: whoever leads.
  private func down(_ name: String, _ struck: [MemberNumber]?) -> Blow {
    Blow(name: name) { [lab] in
      _ = try lab.act(.kill, on: struck ?? [leader() ?? 1])
    } end: { [lab, members] in
      _ = try lab.act(.start, on: Array(1...members))
    }
  }

  /// One member after the other ends in good order and starts.
  private func rolling(_ all: [MemberNumber]) -> Blow {
    Blow(name: "rolling restart") { [lab] in
      for member in all { _ = try lab.act(.restart, on: [member]) }
    }
  }

  /// Takes a member's directory, and waits until it votes again: one that has lost its memory is
  /// less than a majority, two of three are more than the store can bear.
  private func wipe(_ member: MemberNumber) -> Blow {
    Blow(name: "wipe") { [lab] in
      guard isWhole else { throw TooLate(description: "somebody is still learning") }
      _ = try lab.act(.wipe, on: [member])
    } end: { [lab, members] in
      _ = try lab.act(.start, on: Array(1...members))
      try? eventually("the wiped member votes", within: 15) { isWhole }
    }
  }

  /// Every member serves and votes, and nobody else does, not even in a change that is under way:
  /// whoever is to leave counts until it is done.
  private var isWhole: Bool {
    guard let seen = try? lab.look() else { return false }
    return seen.allSatisfy { member in
      member.page?.phase == "serving" && member.page?.role != "learner"
        && member.page?.voters == members && member.page?.links.count == members - 1
    }
  }

  private func pause(_ member: MemberNumber) -> Blow {
    Blow(name: "pause") { [lab] in
      _ = try lab.act(.pause, on: [member])
    } end: { [lab] in
      _ = try lab.act(.resume, on: [member])
    }
  }

  private func spoil(_ dice: inout SplitMix64) -> Blow {
    let one = 1 + dice.index(below: members)
    let conditions: [DiskOrder] = [
      DiskOrder(.slow, milliseconds: 5 + dice.index(below: 200)), DiskOrder(.nearlyFull),
      DiskOrder(.full), DiskOrder(.failing),
    ]
    let order = conditions[dice.index(below: conditions.count)]
    return Blow(name: "disk \(order.disk.rawValue)") { [lab] in
      _ = try lab.disk(order, of: [one])
    } end: { [lab] in
      // It has stopped by itself, or still runs.
      _ = try lab.act(.start, on: [one])
      _ = try lab.disk(DiskOrder(.sound), of: [one])
    }
  }

  private func leader() -> MemberNumber? {
    try? lab.look().filter { $0.page?.role == "leader" }
      .max { ($0.page?.term ?? 0) < ($1.page?.term ?? 0) }?.process.number
  }

  // MARK: The end

  /// Mends everything. A member that a spoilt disk stops after its start is started once more.
  private func calm() throws {
    _ = try lab.heal()
    _ = try lab.act(.resume, on: Array(1...members))
    try eventually("every member votes, on a sound disk", within: 60) {
      _ = try lab.act(.start, on: Array(1...members))
      let seen = try lab.look()
      for member in seen where member.page != nil && member.page?.disk != "sound" {
        _ = try? lab.disk(DiskOrder(.sound), of: [member.process.number])
      }
      return isWhole && seen.allSatisfy { $0.page?.disk == "sound" }
    }
  }
}
