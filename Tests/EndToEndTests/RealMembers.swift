import QuorateClient
import Foundation
import Glibc

/// Processes of `quorate server` with flags of our own, where a lab's would not do.
final class RealMembers {
  let directory: String
  /// Client and peer ports of members n1, n2, …
  let ports: [(client: Int, peer: Int)]
  /// A host for each member; `nil`: all are on this one.
  let hosts: Hosts?
  private var processes: [Int: Process] = [:]

  init(_ count: Int, on hosts: Hosts? = nil) throws {
    self.hosts = hosts
    directory = NSTemporaryDirectory() + "quorate-members-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    guard hosts == nil else {
      ports = (0..<count).map { _ in (2379, 2380) }
      return
    }
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
    (1...ports.count).flatMap { number in
      peerURLs(number).map { "n\(number)=\($0)" }
    }.joined(separator: ",")
  }

  func dataDirectory(_ number: Int) -> String { "\(directory)/n\(number)" }

  func peerURL(_ number: Int) -> String { peerURLs(number)[0] }

  /// A host has two addresses, and its member listens on both.
  private func peerURLs(_ number: Int) -> [String] {
    (hosts?.addresses(number) ?? ["127.0.0.1"]).map { "http://\($0):\(ports[number - 1].peer)" }
  }

  /// Where clients find the member: an address that no fault takes from its host.
  func clientHost(_ number: Int) -> String { hosts?.addresses(number)[1] ?? "127.0.0.1" }

  private func clientAddress(_ number: Int) -> String {
    "\(clientHost(number)):\(ports[number - 1].client)"
  }

  var endpoints: String {
    (1...ports.count).map(clientAddress).joined(separator: ",")
  }

  func endpoint(_ number: Int) throws -> Endpoint { try Endpoint(clientAddress(number)) }

  /// A client of these members; without numbers, of all.
  func client(_ numbers: Int..., timeout: Duration = .seconds(5)) throws -> EtcdClient {
    var options = ClientOptions()
    options.callTimeout = timeout
    let chosen = numbers.isEmpty ? Array(1...ports.count) : numbers
    return EtcdClient(endpoints: try chosen.map { try endpoint($0) }, options: options)
  }

  func start(_ number: Int, _ flags: [String] = []) throws {
    let client = "http://\(clientAddress(number))"
    let peers = peerURLs(number).joined(separator: ",")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      (hosts?.prefix(number) ?? []) + [
        TestLab.executable, "server", "--name", "n\(number)", "--data-dir", dataDirectory(number),
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
        "--initial-cluster", initialCluster,
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

  /// `nil`: it does not run.
  func processID(_ number: Int) -> Int32? {
    processes[number].flatMap { $0.isRunning ? $0.processIdentifier : nil }
  }

  /// Sends a signal to a member that runs.
  func signal(_ number: Int, _ signal: Int32) {
    if let process = processID(number) { kill(process, signal) }
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
