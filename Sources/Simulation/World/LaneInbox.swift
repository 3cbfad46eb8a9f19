import Base

/// Letters on their way to a lane: in order from each sender, and in any order between two.
struct LaneInbox<Letter> {
  private var queues: [[Letter]] = Array(repeating: [], count: LaneSender.allCases.count)

  var isEmpty: Bool { queues.allSatisfy(\.isEmpty) }

  mutating func append(_ letter: Letter, from sender: LaneSender) {
    queues[sender.rawValue].append(letter)
  }

  /// What a turn finds: mostly everything, else what has come first.
  mutating func drain(_ dice: inout SplitMix64) -> [Letter] {
    var drained: [Letter] = []
    let limit = dice.chance(1, in: 4) ? 1 + dice.index(below: 4) : .max
    while drained.count < limit {
      let senders = queues.indices.filter { !queues[$0].isEmpty }
      guard !senders.isEmpty else { break }
      let sender = senders.count == 1 ? senders[0] : senders[dice.index(below: senders.count)]
      drained.append(queues[sender].removeFirst())
    }
    return drained
  }

  /// Everything, a sender after the other.
  mutating func drainAll() -> [Letter] {
    defer { self = LaneInbox() }
    return queues.flatMap { $0 }
  }
}

/// Whose letters keep their order.
enum LaneSender: Int, CaseIterable {
  case replica, log, apply, flush, clients, watches, snapshots, reader, scrub, backups
}
