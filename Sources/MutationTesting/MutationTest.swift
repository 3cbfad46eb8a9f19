import Foundation
import Synchronization

/// `mutation-test [id …] [--tests bundle] [--write page]` plants each mutant and shows who notices;
/// with a test bundle also that no other unit tests do than those expected to.
/// `mutation-test run id [seed]` is what it starts for that; `mutation-test tell id [seed]` does
/// the same and tells what happens. Both plant what the environment names, so without it they play
/// the product as it is. `mutation-test explore [id …]`: the shortest way to some (`Walk`).
@main
struct MutationTest {
  static func main() {
    do {
      try run()
    } catch {
      FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      exit(2)
    }
  }

  private static func run() throws {
    var arguments = Array(CommandLine.arguments.dropFirst())
    if let word = arguments.first, word == "run" || word == "tell" {
      play(Array(arguments.dropFirst()), isTold: word == "tell")
    }
    if arguments.first == "explore" { try Walk.start(Array(arguments.dropFirst())) }
    let page = take("--write", from: &arguments)
    let mutants = try Mutant.read(from: URL(fileURLWithPath: "Mutants"))
    let suites = try take("--tests", from: &arguments).map {
      try UnitSuites(bundle: $0, mutants: mutants)
    }
    let cases = arguments.isEmpty ? Catalogue.cases : try arguments.map(mutantCase)
    let verdicts = try testAll(cases, suites)
    let table = Table(verdicts, of: mutants)
    print(table.text)
    if let page { try Page.write(table, to: page) }
    let failures = verdicts.filter { $0.objection != nil }
    print("\(verdicts.count - failures.count) of \(verdicts.count) mutants died as foretold")
    exit(failures.isEmpty ? 0 : 1)
  }

  private static func take(_ name: String, from arguments: inout [String]) -> String? {
    guard let flag = arguments.firstIndex(of: name), flag + 1 < arguments.count else { return nil }
    defer { arguments.removeSubrange(flag...flag + 1) }
    return arguments[flag + 1]
  }

  /// One run in this process.
  private static func play(_ arguments: [String], isTold: Bool) -> Never {
    guard let id = arguments.first, let mutantCase = try? mutantCase(id) else { exit(2) }
    let seed = arguments.dropFirst().first.flatMap { UInt64($0) }
    let run = Run(arena: mutantCase.arena, onlySeed: seed, isTold: isTold)
    exit(run.play() ? 0 : 1)
  }

  private static func mutantCase(_ id: String) throws -> MutantCase {
    guard let mutantCase = Catalogue.cases.first(where: { $0.mutant == id }) else {
      throw Unknown(id: id)
    }
    return mutantCase
  }

  /// As many at a time as there are cores, the tedious ones first.
  private static func testAll(_ cases: [MutantCase], _ suites: UnitSuites?) throws -> [Verdict] {
    let found = Mutex<[Int: Verdict]>([:])
    let failure = Mutex<String?>(nil)
    DispatchQueue.concurrentPerform(iterations: cases.count) { position in
      do {
        let verdict = try Verdict.test(cases[position], suites: suites)
        found.withLock { $0[position] = verdict }
        let line = verdict.objection ?? "\(verdict.mutantCase.oracle.name), \(verdict.needed)"
        FileHandle.standardError.write(
          Data("\(verdict.mutantCase.mutant) · \(line)\n".utf8))
      } catch {
        failure.withLock { $0 = "\(error)" }
      }
    }
    if let text = failure.withLock(\.self) { throw Broken(text: text) }
    let verdicts = found.withLock(\.self)
    return cases.indices.compactMap { verdicts[$0] }
  }

  struct Unknown: Error, CustomStringConvertible {
    let id: String
    var description: String { "no mutant is named \(id)" }
  }

  struct Broken: Error, CustomStringConvertible {
    let text: String
    var description: String { "a run could not be started: \(text)" }
  }
}
