import Foundation

/// A lab of real processes on this machine, as the commands see it.
public struct LocalLab: Sendable {
  public let directory: LabDirectory
  /// The `quorate` that supervisor and members run.
  private let executable: String

  /// `executable`: the path of a `quorate`; `nil`: this very program.
  public init(directory: LabDirectory, executable: String? = nil) {
    self.directory = directory
    self.executable = executable ?? ChildProcess.ownExecutable()
  }

  /// Starts a supervisor and its members, and waits until they have a leader.
  ///
  /// `progress` gets a line whenever something came about.
  /// *Throws* `labExists`, or `tooLate` with the members' last words after `seconds`.
  public func up(
    members: Int, extraArguments: [String], within seconds: Int, progress: (String) -> Void
  ) throws(LabError) {
    guard (1...7).contains(members) else {
      throw LabError(.badOrder, "a lab has 1 to 7 members, not \(members); try `-n 3` or `-n 5`")
    }
    guard !directory.exists else {
      throw LabError(
        .labExists,
        "\(directory.path) holds a lab already; `quorate lab status` shows it, "
          + "`quorate lab down` ends it and clears it away")
    }
    do {
      try FileManager.default.createDirectory(
        atPath: directory.path, withIntermediateDirectories: true)
    } catch {
      throw LabError(.unavailable, "\(directory.path) cannot be made; choose another with --dir")
    }
    let supervisor = try ChildProcess.spawn(
      executable,
      ["lab", "supervise", "--dir", directory.path, "-n", "\(members)", "--"] + extraArguments,
      logPath: directory.supervisorLogPath)
    do throws(LabError) {
      try awaitLeader(supervisor, members, within: seconds, progress: progress)
    } catch {
      // What did not come up leaves nothing behind but its sentence.
      _ = try? down()
      throw error
    }
  }

  private func awaitLeader(
    _ supervisor: ChildProcess, _ members: Int, within seconds: Int, progress: (String) -> Void
  ) throws(LabError) {
    var told: Set<MemberNumber> = []
    for _ in 0..<(seconds * 20) {
      usleep(50_000)
      if let ending = supervisor.reap() {
        let words = LogTail.lastLine(of: directory.supervisorLogPath) ?? "no last words"
        throw LabError(.unavailable, "the lab's supervisor \(ending.description): \(words)")
      }
      guard let record = try? directory.record(), let seen = try? look(record) else { continue }
      for member in seen where member.process.state == .stopped {
        throw LabError(.unavailable, "\(member.process.name) \(member.process.ending)")
      }
      for member in seen where member.page?.phase == "serving" {
        if told.insert(member.process.number).inserted {
          progress("\(member.process.name) serves at \(member.process.clientURL)")
        }
      }
      if told.count == members,
        let leader = seen.compactMap({ $0.page?.leaderName(in: seen) }).first
      {
        return progress("\(leader) leads")
      }
    }
    throw LabError(
      .tooLate, "no leader after \(seconds) s; the members' logs are \(directory.path)/n*.log")
  }

  /// What every member is doing, from outside and in its own words.
  public func look() throws(LabError) -> [SeenMember] { try look(try directory.record()) }

  private func look(_ record: LabRecord) throws(LabError) -> [SeenMember] {
    let processes = try order(.members).members
    let pages = PageClient.fetch(
      record.members.map { PageClient.Request(port: $0.clientPort, path: "/lab/status") },
      withinMilliseconds: 300)
    return zip(processes, pages).map { process, page in
      let decoded = page.flatMap {
        $0.status == 200 ? try? JSONDecoder().decode(MemberPage.self, from: $0.body) : nil
      }
      return SeenMember(process: process, page: process.state == .running ? decoded : nil)
    }
  }

  /// Does this to each of the members, in order; a line for each.
  public func act(
    _ action: MemberAction, on members: [MemberNumber]
  ) throws(LabError) -> [String] {
    try order(.act(action, members)).lines
  }

  /// Puts the disks of members that run into a condition, until it is changed or the process ends;
  /// a line for each.
  public func disk(
    _ disk: DiskOrder, of members: [MemberNumber]
  ) throws(LabError) -> [String] {
    try order(.disk(disk, members)).lines
  }

  public func partition(_ partition: Partition) throws(LabError) -> [String] {
    try order(.partition(partition)).lines
  }

  public func heal() throws(LabError) -> [String] { try order(.partition(.none)).lines }

  /// Ends every process of the lab, the supervisor's too, and removes every file.
  public func down() throws(LabError) -> String {
    guard directory.exists else {
      throw LabError(.noLab, "no lab runs in \(directory.path): there is nothing to end")
    }
    let record = try? directory.record()
    _ = try? order(.down, within: 30)
    for member in record?.members ?? [] { end(member.processID, "--lab") }
    if let record { end(record.supervisorProcessID, "supervise") }
    unlink(directory.socketPath)
    do {
      try FileManager.default.removeItem(atPath: directory.path)
    } catch {
      throw LabError(.unavailable, "\(directory.path) cannot be removed: remove it by hand")
    }
    return "the lab has ended; no process and no file is left"
  }

  /// Ends a process that outlived its supervisor's own tidying, and waits for its end.
  private func end(_ processID: Int32, _ argument: String) {
    for _ in 0..<100 where ChildProcess.isRunning(processID, withArgument: argument) {
      Glibc.kill(processID, SIGKILL)
      usleep(20_000)
    }
  }

  /// The last `count` lines of a member's log.
  public func log(of member: MemberNumber, count: Int) throws(LabError) -> [String] {
    let members = try directory.record().members
    guard let name = members.first(where: { $0.number == member })?.name else {
      throw LabError(
        .badOrder, "member \(member) is not in this lab; its members are 1 to \(members.count)")
    }
    return LogTail.lines(of: directory.logPath(of: name), count: count)
  }

  private func order(_ order: Order, within seconds: Int = 20) throws(LabError) -> OrderReply {
    _ = try directory.record()
    guard let line = try? JSONEncoder().encode(order) else {
      throw LabError(.notObeyed, "the order could not be written down")
    }
    let answer = try UnixSocket.ask(directory.socketPath, line, within: seconds)
    guard let reply = try? JSONDecoder().decode(OrderReply.self, from: answer) else {
      throw LabError(.notObeyed, "the lab's supervisor is of another version; end it with lab down")
    }
    if let failure = reply.failure { throw LabError(.notObeyed, failure) }
    return reply
  }
}

/// One member, from outside and, if it answers, in its own words.
public struct SeenMember: Sendable {
  public var process: MemberProcess
  public var page: MemberPage?
}

extension MemberPage {
  /// The leader that this member follows, by name; `nil`: it knows of none.
  func leaderName(in seen: [SeenMember]) -> String? {
    guard let leader else { return nil }
    return seen.first { $0.page?.member == leader }?.process.name ?? leader
  }
}
