import Foundation
import Glibc
import QuorateClient

/// Processes of `quorate server` with flags of our own, where a lab's would not do.
final class RealMembers {
  let directory: String
  /// Client and peer ports of members n1, n2, …
  let ports: [(client: Int, peer: Int)]
  private var processes: [Int: Process] = [:]

  init(_ count: Int) throws {
    directory = NSTemporaryDirectory() + "quorate-members-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    let free = try FreePorts.find(count * 2)
    ports = (0..<count).map { (free[2 * $0], free[2 * $0 + 1]) }
  }

  deinit {
    for number in processes.keys.sorted() { stop(number, with: SIGKILL) }
    if ProcessInfo.processInfo.environment["QUORATE_KEEP_LABS"] == nil {
      try? FileManager.default.removeItem(atPath: directory)
    }
  }

  var initialCluster: String {
    ports.enumerated().map { "n\($0 + 1)=http://127.0.0.1:\($1.peer)" }.joined(separator: ",")
  }

  func dataDirectory(_ number: Int) -> String { "\(directory)/n\(number)" }

  func peerURL(_ number: Int) -> String { "http://127.0.0.1:\(ports[number - 1].peer)" }

  var endpoints: String {
    ports.map { "127.0.0.1:\($0.client)" }.joined(separator: ",")
  }

  func endpoint(_ number: Int) throws -> Endpoint {
    try Endpoint("127.0.0.1:\(ports[number - 1].client)")
  }

  /// A client of these members; without numbers, of all.
  func client(_ numbers: Int..., timeout: Duration = .seconds(5)) throws -> EtcdClient {
    var options = ClientOptions()
    options.callTimeout = timeout
    let chosen = numbers.isEmpty ? Array(1...ports.count) : numbers
    return EtcdClient(endpoints: try chosen.map { try endpoint($0) }, options: options)
  }

  func start(_ number: Int, _ flags: [String] = []) throws {
    let client = "http://127.0.0.1:\(ports[number - 1].client)"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: TestLab.executable)
    process.arguments =
      [
        "server", "--name", "n\(number)", "--data-dir", dataDirectory(number),
        "--listen-client-urls", client, "--listen-peer-urls", peerURL(number),
        "--initial-advertise-peer-urls", peerURL(number), "--initial-cluster", initialCluster,
      ] + flags
    let log = logPath(number)
    if !FileManager.default.fileExists(atPath: log) {
      try Data().write(to: URL(fileURLWithPath: log))
    }
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
    try handle.seekToEnd()
    process.standardError = handle
    process.standardOutput = handle
    try process.run()
    processes[number] = process
  }

  func logPath(_ number: Int) -> String { "\(directory)/n\(number).log" }

  func log(_ number: Int) throws -> String {
    try String(contentsOfFile: logPath(number), encoding: .utf8)
  }

  /// Ends a member and waits for it; its exit code, or the signal's number.
  @discardableResult
  func stop(_ number: Int, with signal: Int32 = SIGTERM) -> Int32? {
    guard let process = processes.removeValue(forKey: number) else { return nil }
    if process.isRunning { kill(process.processIdentifier, signal) }
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// How a member has ended by itself; `nil`: it runs.
  func exitCode(_ number: Int) -> Int32? {
    guard let process = processes[number], !process.isRunning else { return nil }
    return process.terminationStatus
  }

  func quorate(_ words: String...) throws -> String {
    try Shell.run([TestLab.executable] + words)
  }
}
