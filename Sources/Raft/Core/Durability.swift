public import Base

/// A write that another voter has done and this member's disk has not.
public struct LateWrite: Hashable, Sendable {
  public var begunAt: Instant
  /// When one other voter was first known to hold durably all that it covers.
  public var heldAt: Instant
  /// When that was first known of a quorum without this member, so that it is committed; `nil`: it
  /// is not.
  public var passedAt: Instant?
}

/// What of this member's log and hard state is on disk, and what is on its way there.
///
/// ```text
///   base ──────── index ──────────── unwrittenFrom ──── last
///     on disk      │ in writes under way │ changed in this step
/// ```
struct Durability: Hashable, Sendable {
  /// One write that storage has not yet reported as stored.
  private struct UnderWay: Hashable, Sendable {
    var ticket: WriteTicket
    var begunAt: Instant
    /// The log as it is now is durable up to here once this write is. A truncation takes back what
    /// the earlier writes would have said, even if equal entries come back later (the ABA race of
    /// etcd-io/raft, `async_storage_writes_append_aba_race.txt`).
    var covers: LogIndex
    var hardState: HardState
    var install: LogBase?
    /// When another voter was first known to hold all that it covers, while it was the oldest;
    /// `nil`: none is.
    var heldAt: Instant?
    /// The same of a quorum.
    var passedAt: Instant?
  }

  /// The log is durable up to here.
  private(set) var index: LogIndex
  private(set) var hardState: HardState
  /// The hard state of the last write.
  private(set) var writtenHardState: HardState
  /// The first entry that no write carries yet.
  private(set) var unwrittenFrom: LogIndex
  private var underWay: [UnderWay] = []
  private(set) var lastTicket = WriteTicket(0)

  init(hardState: HardState, last: LogIndex) {
    index = last
    self.hardState = hardState
    writtenHardState = hardState
    unwrittenFrom = last.next
  }

  var isIdle: Bool { underWay.isEmpty }

  mutating func begin(
    hardState: HardState, last: LogIndex, install: LogBase?, at now: Instant
  ) -> WriteTicket {
    lastTicket = WriteTicket(lastTicket.number + 1)
    underWay.append(
      UnderWay(
        ticket: lastTicket, begunAt: now, covers: last, hardState: hardState, install: install))
    writtenHardState = hardState
    unwrittenFrom = last.next
    return lastTicket
  }

  /// This write and all before it are on disk. Returns the snapshot that became real with them.
  mutating func stored(_ ticket: WriteTicket) -> LogBase? {
    demand(
      ticket <= lastTicket, "write \(ticket.number) was never asked for, \(lastTicket.number) was")
    var installed: LogBase?
    var count = 0
    while count < underWay.count, underWay[count].ticket <= ticket {
      index = max(index, underWay[count].covers)
      hardState = underWay[count].hardState
      installed = underWay[count].install ?? installed
      count += 1
    }
    underWay.removeFirst(count)
    return installed
  }

  /// A quorum holds the log durably up to `committed`, whether this disk does or not.
  mutating func passed(by committed: LogIndex, at now: Instant) {
    guard let oldest = underWay.first, oldest.passedAt == nil, oldest.covers <= committed
    else { return }
    underWay[0].passedAt = now
    underWay[0].heldAt = oldest.heldAt ?? now
  }

  /// Up to where the oldest write under way covers the log, while no other voter is known to hold
  /// that; `nil`: one is, or nothing is under way.
  var oldestUnheld: LogIndex? {
    guard let oldest = underWay.first, oldest.heldAt == nil else { return nil }
    return oldest.covers
  }

  /// One other voter holds durably all that the oldest write covers. *Precondition*:
  /// `oldestUnheld` is not `nil`.
  mutating func held(at now: Instant) { underWay[0].heldAt = now }

  /// The oldest write under way, if another voter holds durably all that it covers; `nil`: none is
  /// faster than this disk.
  var lateWrite: LateWrite? {
    guard let oldest = underWay.first, let heldAt = oldest.heldAt else { return nil }
    return LateWrite(begunAt: oldest.begunAt, heldAt: heldAt, passedAt: oldest.passedAt)
  }

  /// The log ends at `last` now; what was on disk or under way after it counts for nothing.
  mutating func truncate(after last: LogIndex) {
    index = min(index, last)
    unwrittenFrom = min(unwrittenFrom, last.next)
    for position in underWay.indices {
      underWay[position].covers = min(underWay[position].covers, last)
    }
  }

  /// The log starts over after `base`; up to `kept` it was what the snapshot holds.
  mutating func replace(keeping kept: LogIndex, base: LogIndex) {
    truncate(after: kept)
    unwrittenFrom = base.next
  }

  // MARK: Exploration

  /// Counts the writes under way from one again, as if none had ended before them, and as begun
  /// when the clock stood at zero.
  mutating func renumberTickets() {
    for position in underWay.indices {
      underWay[position].ticket = WriteTicket(UInt64(position) + 1)
      underWay[position].begunAt = .zero
      (underWay[position].heldAt, underWay[position].passedAt) = (nil, nil)
    }
    lastTicket = WriteTicket(UInt64(underWay.count))
  }

  func canonicalize(_ canonical: inout CanonicalState) {
    canonical.add(index)
    canonical.add(hardState)
    canonical.add(writtenHardState)
    canonical.add(unwrittenFrom)
    canonical.add(underWay.count)
    for write in underWay {
      canonical.add(write.ticket.number)
      canonical.add(write.covers)
      canonical.add(write.hardState)
      canonical.add(write.install)
    }
    canonical.add(lastTicket.number)
  }
}
