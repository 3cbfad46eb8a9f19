import Foundation

/// Owns the members of one lab: starts, signals and reaps them, keeps the partition in force over
/// their restarts, and ends with them. One thread, one order at a time.
public struct Supervisor {
  let directory: LabDirectory
  let extraArguments: [String]
  private var record: LabRecord
  private var processes: [MemberNumber: ChildProcess] = [:]
  private var states: [MemberNumber: MemberProcess.State] = [:]
  private var endings: [MemberNumber: String] = [:]
  /// Members that have not confirmed the links in force yet.
  private var unswitched: Set<MemberNumber> = []

  /// *Throws* when the ports of `members` members cannot be had.
  public init(
    directory: LabDirectory, members: Int, extraArguments: [String]
  ) throws(LabError) {
    self.directory = directory
    self.extraArguments = extraArguments
    let ports = try PortPlan.free(for: members)
    let all = (1...members).map { number in
      LabRecord.Member(
        number: number, name: "n\(number)",
        clientURL: "http://127.0.0.1:\(ports.client(number))",
        peerURL: "http://127.0.0.1:\(ports.peer(number))", processID: 0)
    }
    record = LabRecord(
      supervisorProcessID: getpid(), members: all, endpoints: all.map(\.clientURL),
      partition: .none)
  }

  /// Starts every member, then obeys orders until `down`.
  public mutating func run() throws(LabError) {
    let socket = try UnixSocket.listen(at: directory.socketPath)
    defer { unlink(directory.socketPath) }
    for number in record.members.map(\.number) { try start(number) }
    try save()
    var isDown = false
    while !isDown {
      if let connection = UnixSocket.accept(socket, withinMilliseconds: 100) {
        isDown = serve(connection)
        close(connection)
      }
      reapAll()
      switchLinks()
    }
    close(socket)
  }

  /// Answers one order; `true`: it was the last.
  private mutating func serve(_ connection: Int32) -> Bool {
    guard let line = UnixSocket.readLine(connection),
      let order = try? JSONDecoder().decode(Order.self, from: line)
    else { return false }
    var reply = OrderReply()
    do throws(LabError) {
      reply.lines = try obey(order)
      try save()
    } catch {
      reply.failure = error.description
    }
    reply.members = record.members.map { seen($0) }
    let bytes = (try? JSONEncoder().encode(reply)) ?? Data()
    _ = UnixSocket.sendAll(connection, bytes + [0x0a])
    return order == .down
  }

  private mutating func obey(_ order: Order) throws(LabError) -> [String] {
    switch order {
    case .act(let action, let numbers): return try act(action, numbers)
    case .partition(let partition): return try cut(partition)
    case .disk(let disk, let numbers): return try put(disk, under: numbers)
    case .members: return []
    case .down:
      endAll()
      return ["every member has ended"]
    }
  }

  private mutating func act(
    _ action: MemberAction, _ numbers: [MemberNumber]
  ) throws(LabError) -> [String] {
    reapAll()
    try check(numbers)
    var lines: [String] = []
    for number in numbers {
      switch action {
      case .kill: lines.append(kill(number))
      case .start: lines.append(try start(number))
      case .restart: lines.append(try restart(number))
      case .pause: lines.append(pause(number))
      case .resume: lines.append(resume(number))
      case .wipe: lines.append(try wipe(number))
      }
    }
    return lines
  }

  private func check(_ numbers: [MemberNumber]) throws(LabError) {
    for number in numbers where !record.members.contains(where: { $0.number == number }) {
      throw LabError(
        .badOrder,
        "member \(number) is not in this lab; its members are 1 to \(record.members.count)")
    }
  }

  private func seen(_ member: LabRecord.Member) -> MemberProcess {
    MemberProcess(
      number: member.number, name: member.name, clientURL: member.clientURL,
      state: states[member.number] ?? .stopped, processID: member.processID,
      ending: endings[member.number] ?? "")
  }

  private mutating func save() throws(LabError) {
    for index in record.members.indices {
      record.members[index].processID = processes[record.members[index].number]?.processID ?? 0
    }
    try directory.write(record)
  }
}

// MARK: - Processes

extension Supervisor {
  @discardableResult
  private mutating func start(_ number: MemberNumber) throws(LabError) -> String {
    guard processes[number] == nil else { return "n\(number) runs already" }
    let member = record.members[number - 1]
    let cluster = record.members.map { "\($0.name)=\($0.peerURL)" }.joined(separator: ",")
    let arguments =
      [
        "server", "--lab", "--name", member.name, "--data-dir", directory.dataPath(of: member.name),
        "--listen-client-urls", member.clientURL, "--advertise-client-urls", member.clientURL,
        "--listen-peer-urls", member.peerURL, "--initial-advertise-peer-urls", member.peerURL,
        "--initial-cluster", cluster, "--initial-cluster-token", "lab-\(directory.path)",
      ] + extraArguments
    processes[number] = try ChildProcess.spawn(
      ChildProcess.ownExecutable(), arguments, logPath: directory.logPath(of: member.name))
    states[number] = .running
    endings[number] = nil
    if !record.partition.cuts.isEmpty { unswitched.insert(number) }
    return "n\(number) started, process \(processes[number]!.processID)"
  }

  private mutating func kill(_ number: MemberNumber) -> String {
    guard let process = processes[number] else { return "n\(number) does not run" }
    process.signal(SIGKILL)
    awaitEnd(number, withinMilliseconds: 2_000)
    states[number] = .killed
    return
      "n\(number) killed (SIGKILL): its memory is gone, its disk and what the system had taken stay"
  }

  private mutating func wipe(_ number: MemberNumber) throws(LabError) -> String {
    let name = "n\(number)"
    _ = kill(number)
    do {
      try FileManager.default.removeItem(atPath: directory.dataPath(of: name))
    } catch {
      throw LabError(.unavailable, "\(directory.dataPath(of: name)) cannot be removed")
    }
    return "\(name) wiped: its process and its directory are gone"
  }

  private mutating func restart(_ number: MemberNumber) throws(LabError) -> String {
    if let process = processes[number] {
      process.signal(SIGCONT)
      process.signal(SIGTERM)
      if !awaitEnd(number, withinMilliseconds: 5_000) { _ = kill(number) }
    }
    return try start(number)
  }

  private mutating func pause(_ number: MemberNumber) -> String {
    guard let process = processes[number] else { return "n\(number) does not run" }
    process.signal(SIGSTOP)
    states[number] = .paused
    return "n\(number) paused (SIGSTOP)"
  }

  private mutating func resume(_ number: MemberNumber) -> String {
    guard let process = processes[number] else {
      return "n\(number) does not run; `quorate lab start \(number)` starts it"
    }
    process.signal(SIGCONT)
    states[number] = .running
    return "n\(number) resumed (SIGCONT)"
  }

  private mutating func endAll() {
    for process in processes.values {
      process.signal(SIGCONT)
      process.signal(SIGTERM)
    }
    for number in processes.keys.sorted() { awaitEnd(number, withinMilliseconds: 3_000) }
    for process in processes.values { process.signal(SIGKILL) }
    for number in processes.keys.sorted() { awaitEnd(number, withinMilliseconds: 2_000) }
  }

  /// Whether the member's process has ended within the time.
  @discardableResult
  private mutating func awaitEnd(_ number: MemberNumber, withinMilliseconds limit: Int) -> Bool {
    for _ in 0..<max(1, limit / 10) {
      reap(number)
      if processes[number] == nil { return true }
      usleep(10_000)
    }
    return false
  }

  private mutating func reapAll() {
    let before = processes.count
    for number in processes.keys.sorted() { reap(number) }
    // The record only informs; the next order writes it again.
    if processes.count != before { try? save() }
  }

  private mutating func reap(_ number: MemberNumber) {
    guard let process = processes[number], let ending = process.reap() else { return }
    processes[number] = nil
    unswitched.remove(number)
    states[number] = ending == .killed(SIGKILL) ? .killed : .stopped
    let log = directory.logPath(of: "n\(number)")
    endings[number] = [ending.description, LogTail.lastLine(of: log)].compactMap { $0 }
      .joined(separator: ": ")
  }
}

// MARK: - Disks

extension Supervisor {
  private func put(
    _ disk: DiskOrder, under numbers: [MemberNumber]
  ) throws(LabError) -> [String] {
    try check(numbers)
    let body = (try? JSONEncoder().encode(disk)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let requests = numbers.map { number in
      PageClient.Request(
        port: record.members[number - 1].clientPort, method: "POST", path: "/lab/disk", body: body)
    }
    let pages = PageClient.fetch(requests, withinMilliseconds: 1_000)
    return try zip(numbers, pages).map { number, page throws(LabError) in
      guard let page else { throw LabError(.notObeyed, "n\(number) does not answer") }
      let answer = try? JSONDecoder().decode([String: String].self, from: page.body)
      guard page.status == 200, let disk = answer?["disk"] else {
        throw LabError(.notObeyed, "n\(number): \(answer?["error"] ?? "no such page")")
      }
      return "n\(number): its disk is \(disk)"
    }
  }
}

// MARK: - Links

extension Supervisor {
  private mutating func cut(_ partition: Partition) throws(LabError) -> [String] {
    record.partition = partition
    unswitched = Set(processes.keys)
    // A member that is paused or starting takes its switch when it can; running ones do it now.
    for _ in 0..<20 where !unswitched.isEmpty {
      switchLinks()
      if unswitched.allSatisfy({ states[$0] != .running }) { break }
      usleep(20_000)
    }
    let late = unswitched.sorted().map { "n\($0)" }
    let note = late.isEmpty ? [] : ["\(late.joined(separator: ", ")): as soon as it answers"]
    return ["cut: \(partition.summary)"] + note
  }

  /// Gives the links in force to every member that has not confirmed them.
  private mutating func switchLinks() {
    let members = record.members.filter { unswitched.contains($0.number) }
    if members.isEmpty { return }
    let pages = PageClient.fetch(
      members.map { member in
        let orders = LinkOrders(of: record.partition, for: member, among: record.members)
        return PageClient.Request(
          port: member.clientPort, method: "POST", path: "/lab/links", body: orders.json)
      }, withinMilliseconds: 250)
    for (member, page) in zip(members, pages) where page?.status == 200 {
      unswitched.remove(member.number)
    }
  }
}
