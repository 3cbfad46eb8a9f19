public import Base

/// What a leader knows of one other member's log, and how it feeds it (Raft §5.3).
///
/// ```text
///            accepted                     rejected, session lost
///   probe ─────────────▶ replicate ─────────────▶ probe
///     │ ▲                    │
///     │ └── ended, acknowledged ──┐   next entry is at or below the base
///     └──────────▶ snapshot ──────┘◀───────┘
/// ```
public struct Progress: Hashable, Sendable {
  public enum State: Hashable, Sendable {
    /// Where the logs agree is not known: one AppendEntries at a time.
    case probe
    /// They agree up to `match`: entries are sent ahead of their acknowledgements.
    case replicate
    /// The entries it needs are gone: it is being sent a snapshot that ends here or later.
    case snapshot(atLeast: LogIndex)
  }

  public let member: MemberID
  public internal(set) var state: State = .probe
  /// Its log is durably equal to the leader's up to here (`matchIndex`); zero: not known.
  public internal(set) var match: LogIndex = .zero
  /// The next entry to send it (`nextIndex`).
  public internal(set) var next: LogIndex
  /// When it was last heard in this term; at first, when the leader took office.
  public internal(set) var heardAt: Instant
  /// When it last said that more of the log is on its disk; `nil`: not in this term.
  public internal(set) var acknowledgedAt: Instant?
  /// The last heartbeat round that it answered.
  var confirmedRound: UInt64 = 0
  /// The commit index that it was last told and could use.
  var toldCommit: LogIndex = .zero
  /// Nothing more is sent before the next heartbeat, which tries again.
  var waitsForHeartbeat = false
  /// At `next`, entries were sent along with a probe already; a repetition carries none.
  var probedWithEntries = false
  /// The entries that are being read from disk for it.
  var fetching: LogFetch?
  /// AppendEntries without an answer, oldest first.
  var inflight = Inflight()
  /// A snapshot brings it up, or the log after one: until it is back the log is not cut below what
  /// it needs (`RaftCore+Snapshots`).
  var isReturning = false
  /// `match` at the last heartbeat: what has not moved since may have been lost.
  var matchAtHeartbeat: LogIndex = .zero

  init(member: MemberID, next: LogIndex, heardAt: Instant) {
    self.member = member
    self.next = next
    self.heardAt = heardAt
  }

  /// Whether nothing may be sent to it now.
  public var isPaused: Bool {
    switch state {
    case .probe: waitsForHeartbeat
    case .replicate: waitsForHeartbeat || fetching != nil || inflight.isFull
    case .snapshot: true
    }
  }

  /// The entry before the next one that it needs.
  var needed: LogIndex {
    switch state {
    case .probe: next.previous
    case .replicate: match
    case .snapshot(let least): least
    }
  }

  /// Its log equals the leader's up to `index`. Returns whether that was news.
  mutating func accepted(upTo index: LogIndex, base: LogIndex, limits: Inflight.Limits) -> Bool {
    let isNews = index > match
    match = max(match, index)
    next = max(next, match.next)
    inflight.acknowledge(upTo: match)
    switch state {
    case .replicate: break
    case .probe: becomeReplicating(limits)
    case .snapshot:
      if match >= base { becomeReplicating(limits) }
    }
    return isNews
  }

  /// Feeds it one message at a time, from just after `match` or later, until it accepts one.
  mutating func becomeProbing(next: LogIndex) {
    state = .probe
    self.next = max(next, match.next)
    inflight.removeAll()
    fetching = nil
    waitsForHeartbeat = false
    probedWithEntries = false
  }

  private mutating func becomeReplicating(_ limits: Inflight.Limits) {
    state = .replicate
    next = match.next
    inflight = Inflight(limits: limits)
    fetching = nil
    waitsForHeartbeat = false
  }

  mutating func becomeSnapshotting(atLeast index: LogIndex) {
    state = .snapshot(atLeast: index)
    isReturning = true
    inflight.removeAll()
    fetching = nil
  }
}

/// The AppendEntries on their way to one follower: a pipeline bounded in messages and bytes.
struct Inflight: Hashable, Sendable {
  struct Limits: Hashable, Sendable {
    var messages = 256
    var bytes = 16 << 20
  }

  private struct Item: Hashable, Sendable {
    var last: LogIndex
    var bytes: Int
  }

  private var limits = Limits()
  private var items: [Item] = []
  private var bytes = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  var isEmpty: Bool { items.isEmpty }

  var isFull: Bool { items.count >= limits.messages || bytes >= limits.bytes }

  mutating func add(upTo last: LogIndex, bytes: Int) {
    demand(
      items.last.map { $0.last < last } ?? true, "the pipeline is sent in order, not \(last)")
    items.append(Item(last: last, bytes: bytes))
    self.bytes += bytes
  }

  /// Frees every message whose entries all lie at or below `index`.
  mutating func acknowledge(upTo index: LogIndex) {
    var count = 0
    while count < items.count, items[count].last <= index {
      bytes -= items[count].bytes
      count += 1
    }
    items.removeFirst(count)
  }

  mutating func removeAll() {
    items.removeAll(keepingCapacity: true)
    bytes = 0
  }

  func canonicalize(_ canonical: inout CanonicalState) {
    canonical.add(items.count)
    for item in items {
      canonical.add(item.last)
      canonical.add(item.bytes)
    }
  }
}

extension Progress {
  func canonicalize(_ canonical: inout CanonicalState) {
    canonical.add(member)
    switch state {
    case .probe: canonical.add(0)
    case .replicate: canonical.add(1)
    case .snapshot(atLeast: let index):
      canonical.add(2)
      canonical.add(index)
    }
    canonical.add(match)
    canonical.add(next)
    canonical.add(confirmedRound)
    canonical.add(toldCommit)
    canonical.add(matchAtHeartbeat)
    canonical.add([waitsForHeartbeat, probedWithEntries, isReturning])
    canonical.add(fetching.map { [$0.first, $0.last] } ?? [])
    inflight.canonicalize(&canonical)
  }
}
