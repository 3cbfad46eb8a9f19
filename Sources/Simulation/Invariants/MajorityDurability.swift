import Raft

/// What is committed is on the disks of a majority of the voters, of each half of a joint
/// configuration (Raft §5.3; failures C2, C3).
struct MajorityDurability {
  /// `holds`: whether the member's disk has the entry.
  func violation(
    committed entry: EntryID, in configuration: Configuration, holds: (MemberID) -> Bool
  ) -> String? {
    var halves = [(voters: 0, holding: 0), (voters: 0, holding: 0)]
    for member in configuration.members {
      let places: [Int]
      switch member.role {
      case .learner: places = []
      case .voter: places = [0, 1]
      case .incoming: places = [0]
      case .outgoing, .demoting: places = [1]
      }
      for half in places {
        halves[half].voters += 1
        if holds(member.id) { halves[half].holding += 1 }
      }
    }
    for half in halves where half.holding <= half.voters / 2 {
      return "entry \(entry.index.number) of term \(entry.term.number) is committed and on the "
        + "disks of \(half.holding) of \(half.voters) voters"
    }
    return nil
  }
}
