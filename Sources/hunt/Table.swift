/// `id · what it breaks · killed by · seeds or steps needed`.
struct Table {
  let rows: [[String]]

  init(_ judgements: [Judgement], of mutants: [String: Mutant]) {
    rows = judgements.map { judgement in
      let mutant = mutants[judgement.trial.mutant]
      return [
        judgement.trial.mutant, mutant?.breaks ?? "",
        judgement.objection.map { "NOBODY: \($0)" } ?? judgement.trial.killer.name,
        judgement.needed, mutant?.summary ?? "",
      ]
    }
  }

  private static let titles = ["id", "what it breaks", "killed by", "needed", "aimed unit tests"]

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
