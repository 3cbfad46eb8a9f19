import QuorateClient
import Foundation
import Lab
import Synchronization
import Testing

/// Real processes, one story at a time: they share the machine's two cores and their timers.
@Suite(.serialized) enum EndToEnd {}

/// A lab in a directory of its own, gone when the story ends.
struct TestLab: ~Copyable {
  /// A failed run keeps its directory: its logs and files tell why.
  private final class Keeping: Sendable {
    let isWanted = Mutex(ProcessInfo.processInfo.environment["QUORATE_KEEP_LABS"] != nil)
  }

  let lab: LocalLab
  private let keeping = Keeping()
  let size: Int

  init(members: Int, serverFlags: [String] = []) throws {
    let name = "quorate-\(UInt64.random(in: 0 ... .max))"
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    lab = LocalLab(directory: LabDirectory(path: path), executable: Self.executable)
    size = members
    try lab.up(members: members, extraArguments: serverFlags, within: 60) { _ in }
  }

  deinit {
    if !keeping.isWanted.withLock({ $0 }) { _ = try? lab.down() }
  }

  /// Runs a story; the lab stays, members and all, if it *throws* or answers false.
  func keepingIfWrong(_ story: () async throws -> Bool) async throws {
    keeping.isWanted.withLock { $0 = true }
    guard try await story() else {
      return print("kept: \(lab.directory.path); `quorate lab down --dir …` clears it away")
    }
    keeping.isWanted.withLock { [environment = ProcessInfo.processInfo.environment] in
      $0 = environment["QUORATE_KEEP_LABS"] != nil
    }
  }

  /// The `quorate` that was built with these tests.
  static let executable: String = {
    if let path = ProcessInfo.processInfo.environment["QUORATE"] { return path }
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent()
      .appendingPathComponent("quorate").path
  }()

  /// The client endpoints of these members; none: of all.
  func endpoints(_ numbers: MemberNumber...) throws -> [Endpoint] {
    try lab.directory.record().members
      .filter { numbers.isEmpty || numbers.contains($0.number) }
      .map { try Endpoint($0.clientURL) }
  }

  func client(_ numbers: MemberNumber..., timeout: Duration = .seconds(5)) throws -> EtcdClient {
    var options = ClientOptions()
    options.callTimeout = timeout
    let all = try endpoints()
    return EtcdClient(
      endpoints: numbers.isEmpty ? all : numbers.map { all[$0 - 1] }, options: options)
  }

  func page(_ number: MemberNumber) throws -> MemberPage? {
    try lab.look()[number - 1].page
  }

  /// The member that leads and is followed by itself at least; `nil`: none just now.
  func leader() throws -> MemberNumber? {
    try lab.look().filter { $0.page?.role == "leader" }
      .max { ($0.page?.term ?? 0) < ($1.page?.term ?? 0) }?.process.number
  }

  func partition(_ shape: String, _ manner: Partition.Manner = .silent) throws {
    let words = shape.split(separator: " ").map(String.init)
    _ = try lab.partition(Partition(parsing: words, members: size, manner: manner))
  }

  /// What a member's volatile disk has lost in all its power losses.
  func sectorsLost(by number: MemberNumber) throws -> Int {
    let log = try String(contentsOfFile: lab.directory.logPath(of: "n\(number)"), encoding: .utf8)
    return log.matches(of: /sectors-lost=(\d+)/).reduce(0) { $0 + (Int($1.1) ?? 0) }
  }

  /// Waits until all members hold the same.
  func awaitSame(_ seconds: Int = 20) throws {
    try eventually("all members hold the same", within: seconds) {
      LabScreen(seen: try lab.look(), partition: .none).verdict.isSame
    }
  }
}

/// A condition that did not come about in time.
struct TooLate: Error, CustomStringConvertible {
  let description: String
}

/// Looks every 20 ms until the condition holds; *throws* `TooLate` after the deadline.
func eventually(
  _ what: String, within seconds: Int, _ condition: () throws -> Bool
) throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while try !condition() {
    guard ContinuousClock.now < end else {
      throw TooLate(description: "not within \(seconds) s: \(what)")
    }
    usleep(20_000)
  }
}

/// As above, for a condition that has to ask.
func eventuallyAsking(
  _ what: String, within seconds: Int, _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while try await !condition() {
    guard ContinuousClock.now < end else {
      throw TooLate(description: "not within \(seconds) s: \(what)")
    }
    try await Task.sleep(for: .milliseconds(20))
  }
}
