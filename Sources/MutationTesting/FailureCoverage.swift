/// What becomes of each known failure of real Raft stores: none is left out in silence.
struct FailureCoverage: Hashable, Sendable {
  enum Answer: Hashable, Sendable {
    /// One or more mutants carry its id; a letter is added from the second on.
    case mutant
    /// A type leaves no way to write it.
    case impossible(by: String, because: String)
    /// What could break is not built yet: who builds it adds the mutant.
    case owed(with: String)
  }

  let id: String
  let answer: Answer

  private init(_ id: String, _ answer: Answer) {
    self.id = id
    self.answer = answer
  }

  /// The failures, by the letter of their kind: votes, commits, reads, membership, pre-vote and
  /// partitions, log and snapshots, storage, state machine and API.
  static let all: [FailureCoverage] = kinds.flatMap { letter, count in
    (1...count).map { number in
      let id = "\(letter)\(number)"
      return FailureCoverage(id, others[id] ?? .mutant)
    }
  }

  private static let kinds: [(letter: String, count: Int)] = [
    ("V", 9), ("C", 6), ("R", 7), ("M", 10), ("P", 6), ("L", 9), ("S", 9), ("A", 6),
  ]

  /// Those without a mutant.
  private static let others: [String: Answer] = [
    "C4": .impossible(
      by: "Input.Event",
      because: "no event says that a write failed, so nothing takes an entry back to reuse its "
        + "slot; `Log.append` takes the next slot only"),
    "R3": .owed(with: "reads under a lease"),
    "R7": .impossible(
      by: "ReplicaInput",
      because: "the only time that comes in is an `Instant` of a monotonic clock; TidyTests keep "
        + "every other clock out of the modules that decide"),
    "P2": .impossible(
      by: "RaftSettings",
      because: "pre-vote cannot be turned off, so no two members can disagree about it"),
    "S2": .impossible(
      by: "IndexNode.trimmable",
      because: "compaction keeps all that its own revision has written, deletions too, so the rows "
        + "that are left tell the store's revision as well as its meta does"),
    "S4": .impossible(
      by: "StorageWrite",
      because: "votes and acknowledgements lie inside their write, and leave with `stored` alone; "
        + "of a write that failed nothing is ever stored"),
    "S9": .impossible(
      by: "Connection",
      because: "it is not Sendable, and `RaftLog` and `StateFile`, one thread each, hold the only "
        + "ones that write or checkpoint; readers open theirs with `.read`"),
    "A1": .owed(with: "users and permissions"),
    "A6": .owed(with: "users and permissions"),
  ]

  /// The failure that a mutant re-introduces: its id without the letter.
  static func failure(ofMutant id: String) -> String {
    id.last?.isLowercase == true ? String(id.dropLast()) : id
  }
}

extension FailureCoverage {
  /// For a page: what has no mutant, and why.
  static var markdown: String {
    let lines = all.compactMap { failure -> String? in
      switch failure.answer {
      case .mutant: nil
      case .impossible(let type, let because):
        "| \(failure.id) | impossible by `\(type)` | \(because) |"
      case .owed(let feature): "| \(failure.id) | owed | comes with \(feature) |"
      }
    }
    return (["| id | | why |", "| --- | --- | --- |"] + lines).joined(separator: "\n")
  }
}
