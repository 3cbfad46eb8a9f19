/// What a lab is doing, as text: one column a member, no colour needed.
public struct LabScreen {
  private let seen: [SeenMember]
  private let partition: Partition

  public init(seen: [SeenMember], partition: Partition) {
    self.seen = seen
    self.partition = partition
  }

  /// The whole screen, a line each.
  public var lines: [String] {
    var grid = TextGrid()
    grid.add([""] + seen.map(\.process.name))
    for row in rows { grid.add([row.label] + seen.map { cell(row, $0) }) }
    return grid.lines + ["", "cut     \(partition.summary)", verdict.sentence]
  }

  private struct Row {
    let label: String
    let text: (MemberPage) -> String
  }

  private var rows: [Row] {
    [
      Row(label: "process") { _ in "" },
      Row(label: "disk") { $0.disk },
      Row(label: "role") { $0.phase == "serving" ? $0.role : $0.phase },
      Row(label: "term") { "\($0.term)" },
      Row(label: "leader") { $0.leaderName(in: seen) ?? "none" },
      Row(label: "commit") { "\($0.commit)" },
      Row(label: "applied") { "\($0.applied)" },
      Row(label: "revision") { "\($0.revision)" },
      Row(label: "hash") { String($0.hash.prefix(12)) },
      Row(label: "hears") { "\($0.heard) of \($0.voters)" },
      Row(label: "rule") { Self.rule($0) },
      Row(label: "write") { $0.serves.write.served ? "yes" : "NO" },
      Row(label: "linearizable read") { $0.serves.linearizable.served ? "yes" : "NO" },
      Row(label: "stale read") { Self.staleRead($0.serves.serializable) },
    ]
  }

  private func cell(_ row: Row, _ member: SeenMember) -> String {
    if row.label == "process" { return process(member) }
    return member.page.map(row.text) ?? "-"
  }

  private func process(_ member: SeenMember) -> String {
    switch member.process.state {
    case .running: member.page == nil ? "no answer" : "running"
    case .paused, .killed, .stopped: member.process.state.rawValue
    }
  }

  /// The quorum rule's result: R of N against ⌊N/2⌋.
  private static func rule(_ page: MemberPage) -> String {
    let comparison = "\(page.heard) \(page.heard > page.voters / 2 ? ">" : "<=") \(page.voters / 2)"
    return page.quorate ? "\(comparison) quorate" : "\(comparison) \(page.policy.uppercased())"
  }

  private static func staleRead(_ service: MemberPage.Service) -> String {
    guard service.served else { return "NO" }
    guard let age = service.ageMilliseconds else { return "yes, age unknown" }
    return age < 10_000 ? "yes, \(age) ms old" : "yes, \(age / 1000) s old"
  }

  /// Whether the members hold the same.
  public var verdict: LabVerdict { LabVerdict(seen) }

  /// Why members do not run or refuse, a line each: for `lab status`, which has room.
  public var remarks: [String] {
    seen.compactMap { member in
      let name = member.process.name
      if member.process.state != .running {
        let ending = member.process.ending
        return ending.isEmpty
          ? "\(name): \(member.process.state.rawValue)" : "\(name): \(ending)"
      }
      return member.page?.serves.write.why.map { "\(name): \($0)" }
    }
  }
}

/// Whether all members of a lab stand at the same revision with the same hash.
public enum LabVerdict: Hashable, Sendable {
  case same(members: Int, revision: Int64, hash: String)
  /// Not all answer, or they stand at different entries: nothing is wrong, only not finished.
  case undecided(String)
  /// Equal applied index, different state: what must never happen.
  case different(String, String, applied: UInt64)

  init(_ seen: [SeenMember]) {
    let pages = seen.compactMap(\.page)
    for (number, page) in pages.enumerated() {
      if let other = pages[..<number].first(where: {
        $0.applied == page.applied && ($0.hash != page.hash || $0.revision != page.revision)
      }) {
        self = .different(other.name, page.name, applied: page.applied)
        return
      }
    }
    let silent = seen.filter { $0.page == nil }.map(\.process.name)
    let applied = pages.map(\.applied)
    if let first = pages.first, silent.isEmpty, Set(applied).count == 1 {
      self = .same(members: seen.count, revision: first.revision, hash: first.hash)
    } else if silent.isEmpty {
      let range = "\(applied.min() ?? 0) to \(applied.max() ?? 0)"
      self = .undecided("the members stand at applied entries \(range)")
    } else {
      self = .undecided("no answer from \(silent.joined(separator: ", "))")
    }
  }

  public var isSame: Bool {
    switch self {
    case .same: true
    case .undecided, .different: false
    }
  }

  public var sentence: String {
    switch self {
    case .same(let members, let revision, let hash):
      "same    all \(members) members: revision \(revision), hash \(hash.prefix(12))"
    case .undecided(let why):
      "open    \(why)"
    case .different(let left, let right, let applied):
      "WRONG   \(left) and \(right) differ at applied entry \(applied); keep their directories"
    }
  }
}
