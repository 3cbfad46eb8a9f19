import Foundation
import Mutants

/// The unit suites of the modules that mutants are planted in, run with one planted: those tests
/// that are aimed at it fail, and all others pass (`Aim`). So a mutant is as small as the mistake
/// that it stands for.
struct UnitSuites: Sendable {
  /// A test bundle that was built with the trait.
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

  /// Where each mutant is planted, by its case's name: the product's sources say so.
  private let modules: [String: String]

  struct Unusable: Error, CustomStringConvertible {
    let description: String
  }

  /// *Throws* if something that is aimed at a mutant is not there, or the product as it is fails.
  init(bundle: String) throws {
    self.bundle = bundle
    let listing = try Self.start(bundle, ["--list-tests"], planting: nil)
    let prefixes = Set(Self.suites.values.joined()).map { $0 + "." }
    tests = Set(
      listing.lines.map(String.init).filter { line in prefixes.contains { line.hasPrefix($0) } })
    modules = try Self.readModules()
    guard tests.count > 200 else {
      throw Unusable(description: "\(bundle) has \(tests.count) unit tests")
    }
    for name in Aim.searches + Aim.tests.values.joined() where !tests.contains(name) {
      throw Unusable(description: "\(name) is no test of \(bundle)")
    }
    for mutant in Mutant.allCases where Self.suites[modules["\(mutant)"] ?? ""] == nil {
      throw Unusable(description: "\(mutant.rawValue) is planted nowhere below Sources")
    }
    let all = Set(Self.suites.values.joined()).sorted()
    if let failure = try failure(in: all, besides: [], planting: nil) {
      throw Unusable(description: "the sound product fails: \(failure)")
    }
  }

  /// From the checkout that the process runs in.
  private static func readModules() throws -> [String: String] {
    var modules: [String: String] = [:]
    for module in suites.keys {
      let folder = URL(fileURLWithPath: "Sources/\(module)")
      let files = try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: nil)
      for file in files where file.pathExtension == "swift" {
        let text = try String(contentsOf: file, encoding: .utf8)
        for match in text.matches(of: #/Mutant\.(\w+)\.isPlanted/#) {
          modules[String(match.1)] = module
        }
      }
    }
    return modules
  }

  /// What speaks against "the tests aimed at it notice, and no others"; `nil`: nothing.
  func objection(to mutant: Mutant) throws -> String? {
    let aimed = Aim.tests[mutant, default: []]
    let suites = Self.suites[modules["\(mutant)"] ?? ""] ?? []
    if let failure = try failure(in: suites, besides: aimed, planting: mutant) {
      return "a test that is not aimed at it fails: \(failure)"
    }
    for test in aimed {
      let run = try Self.start(bundle, ["--filter", Self.pattern(test)], planting: mutant)
      if run.endedWell { return "\(test) is aimed at it and passes" }
    }
    return nil
  }

  /// The first failure of the other tests; `nil`: all pass.
  private func failure(
    in suites: [String], besides aimed: [String], planting mutant: Mutant?
  ) throws -> String? {
    var arguments = ["--filter", "^(\(suites.joined(separator: "|")))\\."]
    let left = Set(Aim.searches + aimed)
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
    _ bundle: String, _ arguments: [String], planting mutant: Mutant?
  ) throws -> Child.Ending {
    try Child.start(
      URL(fileURLWithPath: bundle), ["--testing-library", "swift-testing"] + arguments,
      planting: mutant)
  }
}
