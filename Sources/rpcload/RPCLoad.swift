import Foundation
import NIOCore
import NIOPosix
import RPC
import Synchronization

/// What a unary call costs each side: `rpcload [--calls N] [--connections N] [--seconds S]
/// [--deadlines] [--elsewhere] [--beside PROGRAM] [--rounds N]`.
///
/// A server and its clients in one process, each on a thread of its own, and the processor time
/// of each thread by the number of calls. `--elsewhere` answers from a third thread, as a member
/// does. `--beside` runs an earlier build of this program and this one in turn.
@main
struct RPCLoad {
  static func main() async throws {
    let flags = try Flags(Array(CommandLine.arguments.dropFirst()))
    if let other = flags.otherProgram {
      try Duel(flags: flags, other: other).fight()
    } else {
      let cost = try await Load(flags: flags).run()
      print(cost.line)
    }
  }
}

struct Flags {
  var calls = 100
  var connections = 10
  var seconds = 2.0
  var hasDeadlines = false
  var answersElsewhere = false
  var otherProgram: String?
  var rounds = 5

  init(_ words: [String]) throws {
    var rest = words[...]
    func number<Number: LosslessStringConvertible>(_ flag: String) throws -> Number {
      guard let number = rest.popFirst().flatMap({ Number($0) }) else {
        throw Failure(text: "\(flag) needs a number")
      }
      return number
    }
    while let word = rest.popFirst() {
      switch word {
      case "--calls": calls = try number(word)
      case "--connections": connections = try number(word)
      case "--seconds": seconds = try number(word)
      case "--rounds": rounds = try number(word)
      case "--deadlines": hasDeadlines = true
      case "--elsewhere": answersElsewhere = true
      case "--beside": otherProgram = rest.popFirst()
      default: throw Failure(text: "unknown flag \(word)")
      }
    }
  }

  struct Failure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
  }

  /// As another build of this program takes them.
  var words: [String] {
    ["--calls", "\(calls)", "--connections", "\(connections)", "--seconds", "\(seconds)"]
      + (hasDeadlines ? ["--deadlines"] : []) + (answersElsewhere ? ["--elsewhere"] : [])
  }
}

struct Cost {
  var serverMicroseconds: Double
  var clientMicroseconds: Double
  var callsPerSecond: Double

  var line: String {
    String(
      format: "%.2f µs server, %.2f µs client, %.0f calls/s", serverMicroseconds,
      clientMicroseconds, callsPerSecond)
  }
}

/// Calls that follow one another, so many at a time.
struct Load {
  let flags: Flags

  func run() async throws -> Cost {
    let servers = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = try await RPCServer.start(
      host: "127.0.0.1", port: 0, methods: methods(),
      http: { $0.answer(HTTPResponse(status: 404, "")) }, group: servers)
    var connections: [RPCConnection] = []
    for _ in 0..<flags.connections {
      connections.append(
        try await RPCConnection.connect(
          host: "127.0.0.1", port: server.address.port!, on: clients.next()))
    }
    let callers = Callers(timeout: flags.hasDeadlines ? .seconds(5) : nil)
    for number in 0..<flags.calls { callers.call(on: connections[number % connections.count]) }
    try await Task.sleep(for: .milliseconds(500))
    let before = try await (time(servers), time(clients), callers.count)
    let start = ContinuousClock.now
    try await Task.sleep(for: .seconds(flags.seconds))
    let after = try await (time(servers), time(clients), callers.count)
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    callers.stop()
    let calls = Double(after.2 - before.2)
    await server.shutDown(grace: .zero)
    return Cost(
      serverMicroseconds: Double(after.0 - before.0) / 1_000 / calls,
      clientMicroseconds: Double(after.1 - before.1) / 1_000 / calls,
      callsPerSecond: calls / elapsed)
  }

  private func methods() -> MethodTable {
    let answer = [UInt8](repeating: 7, count: 30)
    let elsewhere = DispatchQueue(label: "elsewhere")
    let answersElsewhere = flags.answersElsewhere
    // A batch at a time, as an applier answers.
    let waiting = Mutex<[UnaryCall]>([])
    var methods = MethodTable()
    methods.unary("/etcdserverpb.KV/Put") { call in
      guard answersElsewhere else { return call.answer(answer) }
      let isFirst = waiting.withLock { calls in
        calls.append(call)
        return calls.count == 1
      }
      guard isFirst else { return }
      elsewhere.async {
        let calls = waiting.withLock { calls in
          defer { calls = [] }
          return calls
        }
        for call in calls { call.answer(answer) }
      }
    }
    return methods
  }

  /// Processor time of the group's one thread, in nanoseconds.
  private func time(_ group: MultiThreadedEventLoopGroup) async throws -> Int64 {
    try await group.next().submit {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }.get()
  }
}

final class Callers: Sendable {
  private let timeout: Duration?
  private let answered = Atomic(0)
  private let isStopped = Atomic(false)
  private let message = [UInt8](repeating: 9, count: 280)

  init(timeout: Duration?) { self.timeout = timeout }

  var count: Int { answered.load(ordering: .relaxed) }

  func stop() { isStopped.store(true, ordering: .relaxed) }

  func call(on connection: RPCConnection) {
    connection.call("/etcdserverpb.KV/Put", message, timeout: timeout) { outcome in
      guard !self.isStopped.load(ordering: .relaxed) else { return }
      precondition(outcome.status == .ok, "\(outcome.status)")
      self.answered.add(1, ordering: .relaxed)
      self.call(on: connection)
    }
  }
}

/// Another build of this program and this one, in turn, so that a busy machine disturbs both.
struct Duel {
  let flags: Flags
  let other: String

  func fight() throws {
    let me = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    for round in 0..<flags.rounds {
      let order = round.isMultiple(of: 2) ? [other, me] : [me, other]
      for program in order {
        print(program == me ? "now:   " : "before:", try run(program), terminator: "")
      }
    }
  }

  private func run(_ program: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = flags.words
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }
}
