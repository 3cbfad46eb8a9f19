import Foundation
import Simulation

/// The test of one mutant, in a process of its own: a broken invariant ends it.
///
/// It tells where it is before it goes there, and what it found, one line each:
/// `at seed 17`, `steps 2118`, `found …`.
struct Run {
  let arena: Arena
  /// Only this seed.
  var onlySeed: UInt64?
  /// Also what happened in it.
  var isTold = false

  /// Whether nothing was found.
  func play() -> Bool {
    switch arena {
    case .seeds(upTo: let limit):
      return play(upTo: limit) { Simulator(seed: $0) }
    case .story(let name):
      guard let story = Story.named(name) else { preconditionFailure("no story is named \(name)") }
      say("at story \(name)")
      let ending = story.run()
      if isTold { say(ending.trace) }
      guard let finding = ending.finding else { return true }
      return found(finding, steps: ending.events)
    case .scope(let name):
      guard let scope = Scope.named(name) else { preconditionFailure("no scope is named \(name)") }
      say("at scope \(name)")
      var explorer = Explorer(scope)
      let seen = explorer.run()
      guard let violation = seen.violation else { return true }
      return found(violation.text, steps: seen.depth)
    case .drill(let drill):
      say("at drill \(drill.rawValue)")
      let ending = drill.run()
      guard let finding = ending.finding else { return true }
      return found(finding, steps: ending.steps)
    }
  }

  private func play(upTo limit: UInt64, _ simulator: (UInt64) -> Simulator) -> Bool {
    for seed in onlySeed.map({ $0...$0 }) ?? 1...limit {
      say("at seed \(seed)")
      let verdict = simulator(seed).run(trace: isTold ? { line in say(line) } : nil)
      if let failure = verdict.failure { return found(failure, steps: verdict.events) }
    }
    return true
  }

  private func found(_ sentence: String, steps: Int) -> Bool {
    say("steps \(steps)")
    say("found \(sentence.split(separator: "\n").first ?? "")")
    return false
  }

  /// At once, not when a buffer is full: the next thing may be a trap.
  private func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }
}
