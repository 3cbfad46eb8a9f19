import Base
import Raft

/// Election Safety: at most one leader is elected in a given term (Raft Figure 3, §5.2).
struct ElectionSafety {
  private var leaderOf: [Term: MemberID] = [:]

  mutating func violation(leader: MemberID, term: Term) -> String? {
    if let rival = leaderOf[term], rival != leader {
      return "\(name(rival)) and \(name(leader)) both lead term \(term.number)"
    }
    leaderOf[term] = leader
    return nil
  }
}

/// As ids are printed everywhere.
func name(_ id: MemberID) -> String { hexadecimal(id.number) }
