import Base
import KeyValue
import Raft
import Storage

/// A leader's word on leases comes late: what was granted or kept alive after the entry that it had
/// seen must neither end nor lose its time by it (failure R6).
enum LeaseDrill {
  private static let lives: UInt64 = 40
  private static let entries: UInt64 = 200

  static func run() throws -> Drill.Ending {
    var steps = 0
    for life in 1...lives {
      var dice = SplitMix64(seed: life)
      var store = Store(generation: 1)
      let identity = Identity(
        cluster: 1, member: MemberID(1), name: "m1", incarnation: Incarnation(1))
      let state = try MemoryStore(identity: identity).openState()
      /// The entry that granted each lease, or kept it alive last.
      var renewed: [Int64: UInt64] = [:]
      for index in 1...entries {
        steps += 1
        let id = Int64(1 + dice.next(below: 3))
        let asOf = index - min(index, dice.next(below: 8))
        let command = draw(&dice, id, asOf: asOf)
        let applied = try store.apply(
          index: index, term: 1, .lease(command), reading: state)
        if let finding = finding(command, applied.leases, renewed[id] ?? 0) {
          return Drill.Ending(finding: "entry \(index) of life \(life): \(finding)", steps: steps)
        }
        for case .set(let lease) in applied.leases { renewed[lease.id] = lease.renewedAt }
      }
    }
    return Drill.Ending(finding: nil, steps: steps)
  }

  private static func draw(_ dice: inout SplitMix64, _ id: Int64, asOf: UInt64) -> LeaseCommand {
    switch dice.index(below: 5) {
    case 0: .grant(id: id, ttl: 60)
    case 1: .revoke(id: id)
    case 2: .keepAlive(id: id)
    case 3: .expire(id: id, asOf: asOf)
    default:
      .tick(
        LeaseTick(
          time: Int64(asOf), asOf: asOf, dates: [LeaseTick.End(id: id, expiry: Int64(asOf) + 1)]))
    }
  }

  private static func finding(
    _ command: LeaseCommand, _ changes: [LeaseChange], _ renewed: UInt64
  ) -> String? {
    for change in changes {
      switch (command, change) {
      case (.expire(let id, let asOf), .removed) where renewed > asOf:
        return "lease \(id) ends as of \(asOf), kept alive at \(renewed)"
      case (.tick(let tick), .set(let lease)) where renewed > tick.asOf:
        return "lease \(lease.id) is dated as of \(tick.asOf), kept alive at \(renewed)"
      default: continue
      }
    }
    return nil
  }
}
