import Foundation
import Synchronization

/// `hunt [id …] [--tests bundle] [--write page]` plants each mutant and shows who notices; with a
/// test bundle also that no other unit tests do than those aimed at it. `hunt run id [seed]` is
/// what it starts for that; `hunt tell id [seed]` does the same and tells what happens. Both plant
/// what the environment names, so without it they play the product as it is. `hunt explore [id …]`:
/// the shortest way to some (`Walk`).
@main
struct Hunt {
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
    let trials = arguments.isEmpty ? Catalogue.trials : try arguments.map(trial)
    let judgements = try huntAll(trials, suites)
    let table = Table(judgements, of: mutants)
    print(table.text)
    if let page { try Page.write(table, to: page) }
    let failures = judgements.filter { $0.objection != nil }
    print("\(judgements.count - failures.count) of \(judgements.count) mutants died as foretold")
    exit(failures.isEmpty ? 0 : 1)
  }

  private static func take(_ name: String, from arguments: inout [String]) -> String? {
    guard let flag = arguments.firstIndex(of: name), flag + 1 < arguments.count else { return nil }
    defer { arguments.removeSubrange(flag...flag + 1) }
    return arguments[flag + 1]
  }

  /// One run in this process.
  private static func play(_ arguments: [String], isTold: Bool) -> Never {
    guard let id = arguments.first, let trial = try? trial(id) else { exit(2) }
    let seed = arguments.dropFirst().first.flatMap { UInt64($0) }
    let run = Run(ground: trial.ground, onlySeed: seed, isTold: isTold)
    exit(run.play() ? 0 : 1)
  }

  private static func trial(_ id: String) throws -> Trial {
    guard let trial = Catalogue.trials.first(where: { $0.mutant == id }) else {
      throw Unknown(id: id)
    }
    return trial
  }

  /// As many at a time as there are cores, the tedious ones first.
  private static func huntAll(_ trials: [Trial], _ suites: UnitSuites?) throws -> [Judgement] {
    let found = Mutex<[Int: Judgement]>([:])
    let failure = Mutex<String?>(nil)
    DispatchQueue.concurrentPerform(iterations: trials.count) { position in
      do {
        let judgement = try Judgement.hunt(trials[position], suites: suites)
        found.withLock { $0[position] = judgement }
        let verdict = judgement.objection ?? "\(judgement.trial.killer.name), \(judgement.needed)"
        FileHandle.standardError.write(
          Data("\(judgement.trial.mutant) · \(verdict)\n".utf8))
      } catch {
        failure.withLock { $0 = "\(error)" }
      }
    }
    if let text = failure.withLock(\.self) { throw Broken(text: text) }
    let judgements = found.withLock(\.self)
    return trials.indices.compactMap { judgements[$0] }
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
