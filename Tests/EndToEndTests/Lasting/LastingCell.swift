import Base

/// One lasting fault of one member, in one situation.
struct LastingCell: Hashable, Sendable, CustomStringConvertible {
  enum Fault: String, CaseIterable, Sendable {
    /// Its process is stopped, and its kernel goes on taking bytes.
    case hung
    /// Its cable is cut: no word comes, and none that it is over.
    case vanished
    /// Each sync of its disk takes longer than the fault lasts.
    case stalled
    /// Somebody else's file takes what is free of its disk.
    case full
    /// One of its two addresses is gone, that which its connections have.
    case half = "half-addressed"
    /// It answers late: seven tenths of each second it does nothing.
    case late
  }

  enum Role: String, CaseIterable, Sendable { case leader, follower }

  var members: Int
  var fault: Fault
  /// Of the member with the fault. With a snapshot under way the leader is its source, and the
  /// follower its target.
  var role: Role
  /// A follower that comes late, after its entries were compacted, is being brought up.
  var hasSnapshot: Bool

  static let all: [LastingCell] = Fault.allCases.flatMap { fault in
    [3, 5].flatMap { members in
      Role.allCases.flatMap { role in
        [false, true].map {
          LastingCell(members: members, fault: fault, role: role, hasSnapshot: $0)
        }
      }
    }
  }

  /// Those of `make test`.
  static let quick = [
    LastingCell(members: 3, fault: .hung, role: .leader, hasSnapshot: false),
    LastingCell(members: 3, fault: .vanished, role: .follower, hasSnapshot: true),
    LastingCell(members: 3, fault: .stalled, role: .leader, hasSnapshot: false),
    LastingCell(members: 5, fault: .half, role: .leader, hasSnapshot: false),
  ]

  var description: String {
    "\(fault.rawValue)/\(members)/\(role.rawValue)/\(hasSnapshot ? "snapshot" : "settled")"
  }

  /// Whether it needs hosts; else the members may be on this one.
  var needsHosts: Bool { hasSnapshot || fault == .half }
}

/// What came of a cell.
struct LastingResult: Sendable {
  var cell: LastingCell
  /// From the fault to the first acknowledgement, by a sound member, of a write begun after it.
  var firstWrite: Duration?
  /// The longest time without one while the fault lasted.
  var longestGap: Duration
  /// The longest time for which a member claimed to serve writes, and served none.
  var longestClaim: Duration
  /// From the end of the fault to when all members held the same.
  var caughtUp: Duration
  var acknowledged: Int
  /// What went against the rules; empty: nothing.
  var complaints: [String]

  /// One line for people and for `awk`.
  var line: String {
    let figures = [
      "first_write_ms=\(firstWrite.map(Self.milliseconds) ?? "never")",
      "longest_gap_ms=\(Self.milliseconds(longestGap))",
      "longest_claim_ms=\(Self.milliseconds(longestClaim))",
      "caught_up_ms=\(Self.milliseconds(caughtUp))", "acknowledged=\(acknowledged)",
    ]
    let end = complaints.isEmpty ? "ok" : "WRONG: " + complaints.joined(separator: "; ")
    return "lasting \(cell) \(figures.joined(separator: " ")) \(end)"
  }

  static func milliseconds(_ duration: Duration) -> String {
    "\(duration.nanoseconds / 1_000_000)"
  }

  /// Median and worst of the first writes, in one line.
  static func summary(_ results: [LastingResult]) -> String {
    let times = results.compactMap(\.firstWrite).sorted()
    guard let worst = times.last else { return "lasting: no cell was played" }
    let bad = results.count { !$0.complaints.isEmpty }
    return "lasting: \(results.count) cells, \(bad) wrong; first write: median_ms="
      + "\(milliseconds(times[times.count / 2])) worst_ms=\(milliseconds(worst))"
  }
}
