import Raft
import Replica

/// The quorum rule says what the network was: never quorate without a possible majority, never
/// inquorate with a certain one (Docs/Consistency.md, *The quorum rule*).
struct QuorumTruth {
  /// What the network let happen between two members.
  enum Contact {
    /// Pings and answers passed for long enough: it must be heard.
    case certain
    /// Nothing can have passed for long enough: it must not be heard.
    case impossible
    case unclear
  }

  func violation(
    member: MemberID, says view: QuorumView, of configuration: Configuration,
    contact: (MemberID) -> Contact
  ) -> String? {
    var halves = [
      (voters: 0, certain: 0, possible: 0), (voters: 0, certain: 0, possible: 0),
    ]
    for voter in configuration.members {
      let places: [Int]
      switch voter.role {
      case .learner: places = []
      case .voter: places = [0, 1]
      case .incoming: places = [0]
      case .outgoing, .demoting: places = [1]
      }
      let reached = voter.id == member ? Contact.certain : contact(voter.id)
      for half in places {
        halves[half].voters += 1
        if reached == .certain { halves[half].certain += 1 }
        if reached != .impossible { halves[half].possible += 1 }
      }
    }
    let text = "\(view.current.heard) of \(view.current.voters)"
    if view.isQuorate && halves.contains(where: { $0.possible <= $0.voters / 2 }) {
      return "\(name(member)) calls itself quorate with \(text), which it cannot have heard"
    }
    if !view.isQuorate && halves.allSatisfy({ $0.certain > $0.voters / 2 }) {
      return "\(name(member)) calls itself inquorate with \(text) while a majority answers"
    }
    return nil
  }
}
