import Base
import KeyValue
import Raft

/// When the leases end, as this member sees it, and, at the leader, what to do about it.
///
/// ```text
///   log      grant ─── tick: clock 500, L ends at 60 000 ─── tick: clock 1 000 ───✗
///   leader   ├────────────────────────────────────────────────────────────────────✗
///   next                                                     elected ├─ 59 000 left ──▶ expire L
/// ```
///
/// A lease has its end on the lease clock, which the leader writes down every `leaseTickInterval`.
/// Whoever is elected begins where the clock was written down last, at the instant of its election:
/// the time since then, and the time without a leader, are the lease's gain and never its loss.
/// A lease that was granted or kept alive after the last tick has all its time again.
///
/// No clock of a wall is asked, and none of another member: what one leader did not write down, the
/// next one does not count.
struct LeaseClock: Sendable {
  private struct Item: Sendable {
    var lease: Lease
    /// When this member saw it granted or kept alive; no earlier than its election, if it leads.
    var seenAt: Instant
    /// It was asked to be ended, in a slot of the log that is not applied yet.
    var isEnding = false
  }

  private struct Leading: Sendable {
    var deadlines = DeadlineQueue<Int64>()
    /// Leases whose end is not written down, oldest first; some may have ended.
    var undated: [Int64]
    var tickAt: Instant
    /// Leases that may still be ended before `refillAt`.
    var allowance: Int
    var refillAt: Instant
  }

  /// Ends that one tick writes down.
  private static let tickLimit = 1_000

  private var items: [Int64: Item] = [:]
  /// What the lease clock showed at `timeAt`, in milliseconds.
  private var time: Int64
  private var timeAt: Instant
  /// What the clock showed when it was written down last, by whomever.
  private var writtenTime: Int64
  private var electedAt = Instant.zero
  /// `nil`: this member does not lead, or has not applied all that came before its election.
  private var leading: Leading?

  init(_ image: LeaseImage, at now: Instant) {
    time = image.time
    timeAt = now
    writtenTime = image.time
    for lease in image.leases { items[lease.id] = Item(lease: lease, seenAt: now) }
  }

  var count: Int { items.count }

  var isLeading: Bool { leading != nil }

  /// Takes in what the state machine has done.
  mutating func take(_ changes: [LeaseChange], at now: Instant) {
    for change in changes {
      switch change {
      case .set(let lease): set(lease, at: now)
      case .removed(let id): items[id] = nil
      case .clock(let time):
        writtenTime = time
        // A leader's own clock goes on from its election; each tick comes late by its commit.
        guard leading == nil else { continue }
        (self.time, timeAt) = (time, now)
      }
    }
  }

  private mutating func set(_ lease: Lease, at now: Instant) {
    if items[lease.id]?.lease.renewedAt == lease.renewedAt {
      items[lease.id]?.lease = lease
      return
    }
    let item = Item(lease: lease, seenAt: now)
    items[lease.id] = item
    let deadline = deadline(of: item)
    leading?.undated.append(lease.id)
    leading?.deadlines.insert(.init(deadline: deadline, id: lease.id))
    if let count = leading?.deadlines.count, count > 2 * items.count + 1024 {
      let items = items
      leading?.deadlines.retain { items[$0] != nil }
    }
  }

  /// When a lease ends, as this member sees it. At the leader it is so.
  private func deadline(of item: Item) -> Instant {
    guard item.lease.expiry != 0 else {
      return item.seenAt.after(milliseconds: item.lease.grantedTTL.multipliedClamped(by: 1_000))
    }
    return timeAt.after(milliseconds: item.lease.expiry - time)
  }

  /// What is left of a lease; `nil`: there is none. Below zero: it is about to be ended.
  func remaining(of id: Int64, at now: Instant) -> (granted: Int64, left: Duration)? {
    items[id].map { ($0.lease.grantedTTL, deadline(of: $0) - now) }
  }

  /// All ids, the lease that ends first before the others, ties by id.
  var byDeadline: [Int64] {
    items.values.map { (deadline(of: $0), $0.lease.id) }.sorted { $0 < $1 }.map(\.1)
  }

  // MARK: At the leader

  mutating func elected(at now: Instant) {
    leading = nil
    electedAt = now
  }

  mutating func stepDown() { leading = nil }

  /// Everything that was committed before the election is applied here.
  mutating func lead() {
    (time, timeAt) = (writtenTime, electedAt)
    var leading = Leading(undated: [], tickAt: electedAt, allowance: 0, refillAt: electedAt)
    for id in items.keys.sorted() {
      guard var item = items[id] else { continue }
      item.seenAt = max(item.seenAt, electedAt)
      item.isEnding = false
      items[id] = item
      if item.lease.expiry == 0 { leading.undated.append(id) }
      leading.deadlines.insert(.init(deadline: deadline(of: item), id: id))
    }
    self.leading = leading
  }

  /// What is to be written into the log now. `asOf`: the last entry that is applied here.
  mutating func due(
    at now: Instant, asOf: LogIndex, _ settings: ReplicaSettings
  ) -> [LeaseCommand] {
    // Taken out, so that nothing is copied when it changes.
    guard var leading = leading.take() else { return [] }
    defer { self.leading = leading }
    if now >= leading.refillAt {
      leading.allowance = settings.leaseExpiryLimit
      leading.refillAt = now + settings.raft.heartbeatInterval
    }
    var commands: [LeaseCommand] = []
    while leading.allowance > 0, let first = leading.deadlines.first, first.deadline <= now {
      let id = leading.deadlines.removeFirst().id
      guard let item = items[id], !item.isEnding else { continue }
      let deadline = deadline(of: item)
      guard deadline <= now else {
        leading.deadlines.insert(.init(deadline: deadline, id: id))
        continue
      }
      items[id]?.isEnding = true
      leading.allowance -= 1
      commands.append(.expire(id: id, asOf: asOf.number))
    }
    guard !items.isEmpty, now >= leading.tickAt else { return commands }
    leading.tickAt = now + settings.leaseTickInterval
    let dates = dates(of: leading.undated)
    leading.undated = []
    let time = clock(at: now)
    for start in stride(from: 0, to: max(dates.count, 1), by: Self.tickLimit) {
      let piece = Array(dates.dropFirst(start).prefix(Self.tickLimit))
      commands.append(.tick(LeaseTick(time: time, asOf: asOf.number, dates: piece)))
    }
    return commands
  }

  /// Rounded down: a clock that is behind gives time.
  private func clock(at now: Instant) -> Int64 { time + (now - timeAt).nanoseconds / 1_000_000 }

  /// The ends of the leases that have none yet, each once. Rounded up.
  private func dates(of undated: [Int64]) -> [LeaseTick.End] {
    var seen: Set<Int64> = []
    return undated.compactMap { id in
      guard let item = items[id], item.lease.expiry == 0, !item.isEnding,
        seen.insert(id).inserted
      else { return nil }
      let left = (deadline(of: item) - timeAt).nanoseconds
      let milliseconds = left / 1_000_000 + (left % 1_000_000 > 0 ? 1 : 0)
      return LeaseTick.End(id: id, expiry: time + milliseconds)
    }
  }

  /// The log did not take a command: it is due again after a heartbeat.
  mutating func refused(_ command: LeaseCommand, at now: Instant, _ settings: ReplicaSettings) {
    guard leading != nil else { return }
    let again = now + settings.raft.heartbeatInterval
    switch command {
    case .expire(let id, asOf: _):
      guard items[id] != nil else { return }
      items[id]?.isEnding = false
      leading?.deadlines.insert(.init(deadline: again, id: id))
    case .tick(let tick):
      leading?.undated += tick.dates.map(\.id)
      leading?.tickAt = again
    case .grant, .revoke, .keepAlive: break  // A client's, not the clock's.
    }
  }

  /// When something is due next; in the past: now.
  var wakeAt: Instant {
    guard let leading, !items.isEmpty else { return .distantFuture }
    guard let first = leading.deadlines.first else { return leading.tickAt }
    let expiry = leading.allowance > 0 ? first.deadline : max(first.deadline, leading.refillAt)
    return min(leading.tickAt, expiry)
  }
}

extension Instant {
  /// As late as an instant can be, at most.
  fileprivate func after(milliseconds: Int64) -> Instant {
    let (sum, isBeyond) = nanoseconds.addingReportingOverflow(
      milliseconds.multipliedClamped(by: 1_000_000))
    return isBeyond ? .distantFuture : Instant(nanoseconds: sum)
  }
}

extension Int64 {
  /// The largest number at most. *Precondition*: `factor` is above zero.
  fileprivate func multipliedClamped(by factor: Int64) -> Int64 {
    let (product, isBeyond) = multipliedReportingOverflow(by: factor)
    guard isBeyond else { return product }
    return self > 0 ? .max : .min
  }
}
