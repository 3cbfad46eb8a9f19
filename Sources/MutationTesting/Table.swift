/// `id · what it breaks · killed by · seeds or steps needed`.
struct Table {
  let rows: [[String]]

  init(_ verdicts: [Verdict], of mutants: [String: Mutant]) {
    rows = verdicts.map { verdict in
      let mutant = mutants[verdict.mutantCase.mutant]
      return [
        verdict.mutantCase.mutant, mutant?.breaks ?? "",
        verdict.objection.map { "NOBODY: \($0)" } ?? verdict.mutantCase.oracle.name,
        verdict.needed, mutant?.summary ?? "",
      ]
    }
  }

  private static let titles = [
    "id", "what it breaks", "killed by", "needed", "expected unit tests",
  ]

  /// For a terminal.
  var text: String {
    ([Self.titles] + rows).map { $0.joined(separator: " · ") }.joined(separator: "\n")
  }

  /// For a page.
  var markdown: String {
    let lines = [Self.titles, Self.titles.map { _ in "---" }] + rows
    return lines.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
  }
}
