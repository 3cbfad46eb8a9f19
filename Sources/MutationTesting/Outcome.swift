/// What a run has told until it ended.
struct Outcome: Hashable, Sendable {
  /// The last place: `seed 17`, `story figure 8`.
  var place = ""
  /// Events until something was found; `nil`: it was not counted.
  var steps: Int?
  /// `nil`: nothing was found.
  var finding: Finding?
  /// The process ended in a way that nobody foresaw.
  var accident: String?

  /// Reads what the run wrote, and how it ended.
  init(lines: [Substring], endedWell: Bool) {
    for line in lines {
      if line.hasPrefix("at ") {
        place = String(line.dropFirst(3))
      } else if line.hasPrefix("steps ") {
        steps = Int(line.dropFirst(6))
      } else if line.hasPrefix("found ") {
        finding = Finding(sentence: String(line.dropFirst(6)))
      } else if finding == nil, let trap = Self.trap(in: line) {
        finding = trap
      }
    }
    if finding == nil && !endedWell {
      accident = lines.last.map(String.init) ?? "it ended without a word"
    }
  }

  /// `Raft/RaftCore+Invariants.swift:60: Precondition failed: …`
  private static func trap(in line: Substring) -> Finding? {
    guard
      let match = line.firstMatch(
        of: #/^(\S+\.swift):\d+: (?:Precondition failed|Fatal error): (.*)$/#)
    else { return nil }
    return Finding(trappedIn: String(match.1), sentence: String(match.2))
  }
}
