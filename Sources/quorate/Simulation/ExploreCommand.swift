import ArgumentParser
import Foundation
import Simulation

/// Every state of a small world: breadth first, over the real cores.
struct ExploreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explore", abstract: "Walk through every state of small clusters.",
    usage: """
      quorate explore [<scope> ...] [--depth <moves>] [--quiet]
      quorate explore <scope> --trail <file>
      quorate explore <scope> --tell <file>
      """,
    discussion: "Scopes:\n"
      + (Scope.wide + Scope.shortest).map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

  @Argument(help: "What to walk through; without any, all wide ones.")
  var scopes: [String] = []

  @Option(help: "Go no further than so many moves.")
  var depth: Int?

  @Flag(help: "One line a scope, none a depth.")
  var quiet = false

  @Option(help: "Keep the way to the step that comes next in this file: a trap ends the process.")
  var trail: String?

  @Option(help: "Tell the way that --trail has kept.")
  var tell: String?

  func validate() throws {
    for name in scopes where Scope.named(name) == nil {
      throw ValidationError("no scope is named \(name)")
    }
    if let depth, depth < 1 { throw ValidationError("a walk has at least one move") }
    if (trail != nil || tell != nil) && scopes.count != 1 {
      throw ValidationError("a trail lies in one scope")
    }
  }

  func run() throws {
    if let tell, let scope = scopes.first.flatMap(Scope.named) { return try recall(tell, scope) }
    let chosen = scopes.isEmpty ? Scope.wide : scopes.compactMap(Scope.named)
    for scope in chosen { try walk(scope) }
  }

  private func walk(_ scope: Scope) throws {
    var scope = scope
    if let depth { scope.depthLimit = depth }
    StandardStreams.write("\(scope.name): \(scope.summary)\n")
    let keeper = try trail.map { try TrailKeeper(path: $0) }
    let clock = ContinuousClock()
    let start = clock.now
    var explorer = Explorer(scope, willStep: keeper.map { keeper in { keeper.keep($0) } })
    let seen = explorer.run { soFar in
      if !quiet { StandardStreams.write("  \(soFar.summary), \(soFar.frontier) new\n") }
      return true
    }
    let milliseconds = (clock.now - start) / .milliseconds(1)
    StandardStreams.write("  \(seen.summary), \(Int(milliseconds)) ms: \(seen.verdict)\n")
    guard let violation = seen.violation else { return }
    StandardStreams.write(seen.story.map { $0 + "\n" }.joined())
    throw CommandFailure(.failed, violation.text)
  }

  private func recall(_ path: String, _ scope: Scope) throws {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw CommandFailure(.failed, "\(path) cannot be read")
    }
    guard let story = Explorer.story(ofTrapped: text, in: scope) else {
      throw CommandFailure(.failed, "\(path) holds no trail of \(scope.name)")
    }
    StandardStreams.write(story.map { $0 + "\n" }.joined())
  }
}
