import Foundation

/// The unit suites of the modules that mutants are planted in, run with one planted: the tests that
/// it names (`Mutant.tests`) fail, and all others pass. So a mutant is as small as the
/// mistake that it stands for.
struct UnitSuites: Sendable {
  /// A test bundle of the copy that the mutants are planted in.
  let bundle: String
  /// Every test of the suites, by id.
  let tests: Set<String>

  /// The suites that run what mutants of each module change. Those of `Wire`, `Storage` and
  /// `Services` know the words of `Raft` and `Replica`, and run none of their cores.
  private static let suites: [String: [String]] = [
    "Raft": ["RaftTests", "ReplicaTests"],
    "KeyValue": ["KeyValueTests", "ReplicaTests", "StorageTests", "ServicesTests"],
    "Replica": ["ReplicaTests", "ServicesTests"],
    "Wire": ["WireTests"],
    "Storage": ["StorageTests"],
  ]

  private let mutants: [String: Mutant]

  private static func suites(of mutant: Mutant) -> [String] {
    Set(mutant.modules.flatMap { suites[$0] ?? [] }).sorted()
  }

  struct Unusable: Error, CustomStringConvertible {
    let description: String
  }

  /// *Throws* if a test that a mutant names is not there, or the product as it is fails.
  init(bundle: String, mutants: [String: Mutant]) throws {
    self.bundle = bundle
    self.mutants = mutants
    let listing = try Self.start(bundle, ["--list-tests"], planting: nil)
    let prefixes = Set(Self.suites.values.joined()).map { $0 + "." }
    tests = Set(
      listing.lines.map(String.init).filter { line in prefixes.contains { line.hasPrefix($0) } })
    guard tests.count > 200 else {
      throw Unusable(description: "\(bundle) has \(tests.count) unit tests")
    }
    for name in Self.searches + mutants.values.flatMap(\.tests) where !tests.contains(name) {
      throw Unusable(description: "\(name) is no test of \(bundle)")
    }
    for mutant in mutants.values where Self.suites(of: mutant).isEmpty {
      throw Unusable(description: "\(mutant.id) is planted where no unit suite looks")
    }
    let all = Set(Self.suites.values.joined()).sorted()
    if let failure = try failure(in: all, besides: [], planting: nil) {
      throw Unusable(description: "the sound product fails: \(failure)")
    }
  }

  /// What speaks against "the tests that it names notice, and no others"; `nil`: nothing.
  func objection(to id: String) throws -> String? {
    guard let mutant = mutants[id] else { return "Mutants/\(id).diff is missing" }
    if let failure = try failure(
      in: Self.suites(of: mutant), besides: mutant.tests, planting: id)
    {
      return "a test that it does not name fails: \(failure)"
    }
    for test in mutant.tests {
      let run = try Self.start(bundle, ["--filter", Self.pattern(test)], planting: id)
      if run.endedWell { return "\(test) is named by it and passes" }
    }
    return nil
  }

  /// The first failure of the other tests; `nil`: all pass.
  private func failure(
    in suites: [String], besides expected: [String], planting mutant: String?
  ) throws -> String? {
    var arguments = ["--filter", "^(\(suites.joined(separator: "|")))\\."]
    let left = Set(Self.searches + expected)
    for test in left { arguments += ["--skip", Self.pattern(test)] }
    let run = try Self.start(bundle, arguments, planting: mutant)
    if run.endedWell {
      let due = tests.count { test in
        !left.contains(test) && suites.contains { test.hasPrefix($0 + ".") }
      }
      let isWhole = run.lines.contains { $0.contains("Test run with \(due) test") }
      return isWhole ? nil : "not all of \(due) tests ran"
    }
    let telling = ["recorded an issue", "Precondition failed", "Fatal error"]
    let line = run.lines.first { line in telling.contains { line.contains($0) } }
    // What a test expected may hold a whole core.
    return String((line ?? run.lines.last ?? "it ended without a word").prefix(240))
  }

  /// Only this test.
  private static func pattern(_ test: String) -> String {
    "^" + NSRegularExpression.escapedPattern(for: test) + "(/|$)"
  }

  private static func start(
    _ bundle: String, _ arguments: [String], planting mutant: String?
  ) throws -> Child.Ending {
    try Child.start(
      URL(fileURLWithPath: bundle), ["--testing-library", "swift-testing"] + arguments,
      planting: mutant)
  }
}
