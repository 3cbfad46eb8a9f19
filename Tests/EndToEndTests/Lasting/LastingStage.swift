import QuorateClient
import EtcdAPI
import Foundation

/// The members of one cell, what is done to one of them, and what is asked of them.
final class LastingStage {
  typealias Instant = ContinuousClock.Instant

  private let cell: LastingCell
  private let members: RealMembers
  private let hosts: Hosts?
  /// How long the fault lasts.
  private let length: Duration
  private let probes: MemberProbes
  private let disks: [String]
  /// Whose process is stopped for most of each second, while it is.
  private var lateness: Task<Void, Never>?

  private static let electionTimeout = Duration.seconds(1)
  /// For a look that comes a little late, on a busy machine.
  private static let tolerance = Duration.milliseconds(500)

  init(_ cell: LastingCell, lasting length: Duration) throws {
    self.cell = cell
    self.length = length
    hosts = Hosts.whyNot == nil ? try Hosts(cell.members) : nil
    members = try RealMembers(cell.members, on: hosts)
    probes = MemberProbes(try (1...cell.members).map { [members] in try members.endpoint($0) })
    disks = cell.fault == .full && getuid() == 0 ? try Self.mountDisks(members) : []
  }

  deinit {
    lateness?.cancel()
    for number in 1...cell.members { members.stop(number, with: 9) }
    for disk in disks { _ = try? Shell.run(["umount", disk]) }
  }

  /// Plays the cell.
  func play() async throws -> LastingResult {
    let (leader, other) = try members.startAll()
    let faulty = cell.role == .leader ? leader : other
    var result = LastingResult(
      cell: cell, longestGap: .zero, longestClaim: .zero, caughtUp: .zero, acknowledged: 0,
      complaints: [])
    if cell.hasSnapshot { try await members.leaveBehind(other) }
    let sound = (1...cell.members).filter { number in
      number != faulty && !(cell.hasSnapshot && number == other)
    }
    try await probes.run {
      try await eventuallyAsking("writes at members \(sound)", within: 20) {
        sound.allSatisfy { probes.firstWrite(at: [$0], sentAfter: .now - .seconds(5)) != nil }
      }
      if cell.hasSnapshot { try members.bringUp(other) }
      let struckAt = Instant.now
      try strike(faulty)
      if cell.hasSnapshot, other != faulty { try hosts?.quicken(other) }
      probes.judge(true)
      try await Task.sleep(for: length)
      let endedAt = Instant.now
      probes.judge(false)
      result.firstWrite = probes.firstWrite(at: sound, sentAfter: struckAt).map { $0 - struckAt }
      result.longestGap = probes.longestGap(at: sound, struckAt..<endedAt)
      result.longestClaim = probes.longestClaim
      try mend(faulty)
      if cell.hasSnapshot, other == faulty { try hosts?.quicken(other) }
    }
    let mendedAt = Instant.now
    judge(&result)
    try await compare(&result)
    result.caughtUp = .now - mendedAt
    return result
  }

  // MARK: The fault

  private func strike(_ number: Int) throws {
    switch cell.fault {
    case .hung: members.signal(number, SIGSTOP)
    case .vanished:
      if let hosts { try hosts.cut(number) } else { try setLinks(of: number, "silent") }
    case .stalled:
      let milliseconds = Int(length.components.seconds) * 1000 + 1000
      try members.order(number, "/lab/disk", "{\"disk\":\"slow\",\"milliseconds\":\(milliseconds)}")
    case .full: try fill(number)
    case .half: try hosts?.loseAddress(number)
    case .late:
      guard let process = members.processID(number) else { return }
      lateness = Task {
        while !Task.isCancelled {
          kill(process, SIGSTOP)
          try? await Task.sleep(for: .milliseconds(700))
          kill(process, SIGCONT)
          try? await Task.sleep(for: .milliseconds(300))
        }
      }
    }
  }

  private func mend(_ number: Int) throws {
    switch cell.fault {
    case .hung: members.signal(number, SIGCONT)
    case .vanished:
      if let hosts { try hosts.mend(number) } else { try setLinks(of: number, "open") }
    case .stalled: try members.order(number, "/lab/disk", "{\"disk\":\"sound\"}")
    case .full: try empty(number)
    case .half: try hosts?.regainAddress(number)
    case .late:
      lateness?.cancel()
      members.signal(number, SIGCONT)
    }
  }

  private func setLinks(of number: Int, _ state: String) throws {
    let link = "{\"peer\":\"*\",\"send\":\"\(state)\",\"receive\":\"\(state)\"}"
    try members.order(number, "/lab/links", "{\"links\":[\(link)]}")
  }

  // MARK: Small disks

  /// A disk in memory for each member. Under root alone; else the lab tells of a full one.
  private static func mountDisks(_ members: RealMembers) throws -> [String] {
    try (1...members.ports.count).map { number in
      let path = members.dataDirectory(number)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      _ = try Shell.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=700", "tmpfs", path])
      return path
    }
  }

  private func ballast(_ number: Int) -> String { members.dataDirectory(number) + "/ballast" }

  /// Leaves eight MiB of the disk.
  private func fill(_ number: Int) throws {
    guard !disks.isEmpty else {
      return try members.order(number, "/lab/disk", "{\"disk\":\"nearly-full\"}")
    }
    let disk = try FileManager.default.attributesOfFileSystem(
      forPath: members.dataDirectory(number))
    let free = disk[.systemFreeSize] as? Int ?? 0
    _ = try Shell.run(["fallocate", "-l", "\(max(1, free - 8 << 20))", ballast(number)])
  }

  private func empty(_ number: Int) throws {
    guard !disks.isEmpty else {
      return try members.order(number, "/lab/disk", "{\"disk\":\"sound\"}")
    }
    try FileManager.default.removeItem(atPath: ballast(number))
  }

  // MARK: Judgement

  private func judge(_ result: inout LastingResult) {
    let limit = Self.electionTimeout * 10
    if let first = result.firstWrite {
      if first > limit { result.complaints.append("the first write came after \(first)") }
    } else {
      result.complaints.append("no write while the fault lasted")
    }
    if result.longestGap > limit {
      result.complaints.append("no write for \(result.longestGap)")
    }
    if result.longestClaim > Self.electionTimeout * 3 + Self.tolerance {
      result.complaints.append("served no write for \(result.longestClaim), and claimed to")
    }
  }

  /// After the fault: who has ended, whether all come to hold the same, and what is missing of it.
  private func compare(_ result: inout LastingResult) async throws {
    do {
      try eventually("all members hold the same", within: 60) { members.isSame }
    } catch {
      result.complaints.append("\(error)")
    }
    for number in 1...cell.members {
      guard let code = members.exitCode(number) else { continue }
      let words = try members.log(number).split(separator: "\n").last ?? ""
      result.complaints.append("n\(number) ended with \(code): \(words)")
    }
    let acknowledged = probes.acknowledged
    result.acknowledged = acknowledged.count
    let client = try members.client(timeout: .seconds(20))
    let pairs = try await client.range(
      .make {
        $0.key = Data("lasting/".utf8)
        $0.rangeEnd = Data("lasting0".utf8)
      }
    ).message.kvs
    await client.close()
    let held = Dictionary(
      uniqueKeysWithValues: pairs.map {
        (String(decoding: $0.key, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
      })
    let lost = acknowledged.filter { held[$0.key] != $0.value }.keys.sorted()
    if let first = lost.first {
      result.complaints.append("\(lost.count) acknowledged writes are lost, \(first) the first")
    }
  }
}
