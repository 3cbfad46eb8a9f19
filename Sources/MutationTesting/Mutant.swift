import Foundation

/// A mutant as its file in `Mutants/` tells it (Docs/Testing.md). `Scripts/plant` reads the same
/// files for what is put where.
struct Mutant: Hashable, Sendable {
  /// The variable of the environment that names the one that a process plants.
  static let variable = "QUORATE_MUTANT"

  let id: String
  /// What it breaks, in one clause.
  let breaks: String
  /// The modules that it is planted in.
  var modules: Set<String> = []
  /// The unit tests that are there to notice it: those whose claim it makes untrue. Those with many
  /// break what nearly every story rests on: that somebody is elected, that a promise waits for its
  /// write.
  let tests: [String]

  /// All of a folder, by id.
  static func read(from folder: URL) throws -> [String: Mutant] {
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "diff" }
    var mutants: [String: Mutant] = [:]
    var places: [(id: String, module: String)] = []
    for file in files {
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      let id = file.deletingPathExtension().lastPathComponent
      mutants[id] = Mutant(
        id: id, breaks: String(lines[0].dropFirst(id.count + 2)),
        tests: lines.drop { $0 != "noticed by" }.dropFirst().map { String($0.dropFirst(2)) })
      places += Self.places(in: lines)
    }
    for (id, module) in places { mutants[id]?.modules.insert(module) }
    return mutants
  }

  /// The mutants that a file's edits plant, and where: one edit may serve two that meet.
  private static func places(in lines: [Substring]) -> [(id: String, module: String)] {
    var module = ""
    var places: [(String, String)] = []
    for line in lines {
      if line.hasPrefix("--- Sources/") { module = String(line.split(separator: "/")[1]) }
      guard line.hasPrefix("+") else { continue }
      places += line.matches(of: #/\bplanted\("(\w+)"\)/#).map { (String($0.1), module) }
    }
    return places
  }

  /// How many tests there are and in which suites, for a page.
  var summary: String {
    let suites = tests.map { String($0.prefix { $0 != "/" }).replacing("`", with: "") }
    var counted: [(suite: String, count: Int)] = []
    for suite in suites.sorted() {
      if counted.last?.suite == suite {
        counted[counted.count - 1].count += 1
      } else {
        counted.append((suite, 1))
      }
    }
    return counted.map { "\($0.suite) \($0.count)" }.joined(separator: ", ")
  }
}
