import QuorateClient
import Foundation
import Linearizability
import Synchronization
import Testing

/// Member processes that are started one by one, with directories and ports of their own.
private final class Members: Sendable {
  let directory: String
  /// Client and peer port, and another one for peers, by number from one.
  let ports: [(client: Int, peer: Int, otherPeer: Int)]
  private let processes = Mutex<[Int: Process]>([:])
  private let moved = Mutex<Set<Int>>([])

  init(upTo count: Int) throws {
    directory = NSTemporaryDirectory() + "quorate-members-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    // Below what the system gives to outgoing connections.
    let first = Int.random(in: 1_050...1_450) * 20
    ports = (0..<count).map { (first + 3 * $0, first + 3 * $0 + 1, first + 3 * $0 + 2) }
  }

  deinit {
    for process in processes.withLock({ $0.values.map { $0 } }) where process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    if ProcessInfo.processInfo.environment["QUORATE_KEEP_LABS"] == nil {
      try? FileManager.default.removeItem(atPath: directory)
    }
  }

  var endpoints: [Endpoint] {
    get throws { try ports.map { try Endpoint("127.0.0.1:\($0.client)") } }
  }

  func peerURL(_ number: Int) -> String {
    let (_, peer, other) = ports[number - 1]
    return "http://127.0.0.1:\(moved.withLock { $0.contains(number) } ? other : peer)"
  }

  /// From its next start the member listens to the others at another port.
  func move(_ number: Int) { moved.withLock { _ = $0.insert(number) } }

  func cluster(of numbers: ClosedRange<Int>) -> String {
    numbers.map { "n\($0)=\(peerURL($0))" }.joined(separator: ",")
  }

  func start(_ number: Int, cluster: String, state: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: TestLab.executable)
    process.arguments = [
      "server", "--name", "n\(number)", "--data-dir", "\(directory)/n\(number)",
      "--listen-client-urls", "http://127.0.0.1:\(ports[number - 1].client)",
      "--listen-peer-urls", peerURL(number), "--initial-cluster", cluster,
      "--initial-cluster-state", state, "--heartbeat-interval", "50", "--election-timeout", "500",
    ]
    let log = "\(directory)/n\(number).log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: log)
    try process.run()
    processes.withLock { $0[number] = process }
  }

  /// Starts a new store of these; what they were told of each other.
  func found(_ numbers: ClosedRange<Int>) async throws -> String {
    let cluster = cluster(of: numbers)
    for number in numbers { try start(number, cluster: cluster, state: "new") }
    for number in numbers { try await awaitService(number) }
    return cluster
  }

  /// Ends the member as an operator would.
  func stop(_ number: Int) throws {
    guard let process = processes.withLock({ $0.removeValue(forKey: number) }) else { return }
    process.terminate()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  func crash(_ number: Int) {
    guard let process = processes.withLock({ $0.removeValue(forKey: number) }) else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func lose(_ number: Int) throws {
    crash(number)
    try FileManager.default.removeItem(atPath: "\(directory)/n\(number)")
  }

  /// The exit code of a member that has ended by itself; `nil`: it runs.
  func exitCode(_ number: Int) -> Int32? {
    guard let process = processes.withLock({ $0[number] }), !process.isRunning else { return nil }
    return process.terminationStatus
  }

  /// One command of `quorate` to whoever answers.
  func quorate(_ words: String...) throws -> String {
    let all = ports.map { "127.0.0.1:\($0.client)" }.joined(separator: ",")
    return try Shell.run(
      [TestLab.executable] + words + ["--endpoints", all, "--command-timeout", "10s"])
  }

  /// What `member add` and `member replace` say to start the new member with.
  func variable(_ name: String, in text: String) -> String {
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(name)=") } ?? ""
    return line.split(separator: "\"").last.map(String.init) ?? ""
  }

  /// `MEMBER, started, NAME, …` of `member list`.
  func row(_ number: Int) throws -> [String]? {
    try quorate("member", "list").split(separator: "\n")
      .map { $0.components(separatedBy: ", ") }.first { $0.count > 2 && $0[2] == "n\(number)" }
  }

  /// Starts who was given a place, and waits until it is known and serves.
  func join(_ number: Int, _ printed: String) async throws {
    try start(
      number, cluster: variable("ETCD_INITIAL_CLUSTER", in: printed),
      state: variable("ETCD_INITIAL_CLUSTER_STATE", in: printed))
    try await awaitService(number)
  }

  func awaitAgreement(of count: Int) throws {
    try eventually("all hold the same", within: 20) {
      let hashes = try quorate("endpoint", "hashkv", "--cluster").split(separator: "\n")
        .map { $0.split(separator: " ").last }
      return hashes.count == count && Set(hashes).count == 1
    }
  }

  func awaitService(_ number: Int) async throws {
    let port = ports[number - 1].client
    try await eventuallyAsking("n\(number) serves", within: 20) {
      let health = try? Shell.run(
        [TestLab.executable, "endpoint", "health", "--endpoints", "127.0.0.1:\(port)"])
      return try health != nil && row(number)?[1] == "started"
    }
  }
}

extension EndToEnd {
  /// Changing who the members are, by the commands of the manual, while clients go on.
  @Suite struct `Members that come and go` {
    @Test func `from one to five, without its leader, with one on a new disk`() async throws {
      let members = try Members(upTo: 5)
      try members.start(1, cluster: "n1=\(members.peerURL(1))", state: "new")
      try await eventuallyAsking("n1 serves", within: 20) {
        (try? members.quorate("put", "first", "1")) != nil
      }
      let crowd = Crowd(endpoints: try members.endpoints)
      try await crowd.run(clients: 3) {
        for number in 2...5 {
          let printed = try members.quorate(
            "member", "add", "n\(number)", "--peer-urls", members.peerURL(number))
          try await members.join(number, printed)
        }
        // The leader is the first member still.
        let first = try #require(try members.row(1))
        _ = try members.quorate("member", "remove", first[0])
        try eventually("n1 ends", within: 20) { members.exitCode(1) != nil }
        #expect(members.exitCode(1) == 31)
        try members.lose(5)
        try await members.join(5, try members.quorate("member", "replace", "n5"))
        try await eventuallyAsking("the old n5 is gone", within: 20) {
          try members.quorate("member", "list").split(separator: "\n").count == 4
        }
      }
      #expect(crowd.writes > 20, "hardly a write: \(crowd.writes)")
      #expect(crowd.verdict == .linearizable)
      try members.awaitAgreement(of: 4)
      print("members: \(crowd.writes) writes, longest gap \(crowd.longestGap)")
    }

    @Test func `a spare takes the place of one that died`() async throws {
      let members = try Members(upTo: 4)
      let cluster = try await members.found(1...3)
      let crowd = Crowd(endpoints: try members.endpoints)
      try await crowd.run(clients: 3) {
        let printed = try members.quorate(
          "member", "add", "n4", "--peer-urls", members.peerURL(4), "--spare",
          "--spare-delay", "2s")
        try await members.join(4, printed)
        members.crash(3)
        let died = ContinuousClock.now
        try await eventuallyAsking("n4 votes", within: 30) { try members.row(4)?[5] == "false" }
        print("spare: it votes \(ContinuousClock.now - died) after the end of n3")
        // With n3 still a voter this would be the majority gone.
        members.crash(2)
        try await eventuallyAsking("n1 and n4 serve", within: 20) {
          (try? members.quorate("put", "spare", "serves")) != nil
        }
        for number in 2...3 { try members.start(number, cluster: cluster, state: "new") }
        for number in 2...3 { try await members.awaitService(number) }
        #expect(try members.row(3)?[5] == "true", "who was missed is the spare now")
      }
      #expect(crowd.verdict == .linearizable)
      try members.awaitAgreement(of: 4)
      print("spare: \(crowd.writes) writes, longest gap \(crowd.longestGap)")
    }

    @Test func `each moves to another address in turn`() async throws {
      let members = try Members(upTo: 3)
      _ = try await members.found(1...3)
      let crowd = Crowd(endpoints: try members.endpoints)
      try await crowd.run(clients: 6) {
        for number in 1...3 {
          let row = try #require(try members.row(number))
          members.move(number)
          _ = try members.quorate(
            "member", "update", row[0], "--peer-urls", members.peerURL(number))
          try members.stop(number)
          try members.start(number, cluster: members.cluster(of: 1...3), state: "existing")
          try await members.awaitService(number)
          #expect(try members.row(number)?[3] == members.peerURL(number))
        }
      }
      #expect(crowd.writes > 20, "hardly a write: \(crowd.writes)")
      #expect(crowd.verdict == .linearizable)
      try members.awaitAgreement(of: 3)
      print("moved: \(crowd.writes) writes, longest gap \(crowd.longestGap)")
    }
  }
}
