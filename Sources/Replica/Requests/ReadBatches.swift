import Base
import Raft

/// Linearizable reads on their way: gathered, asked for in batches, confirmed at an index.
///
/// One `ReadID` stands for a batch. A confirmation holds for every earlier batch as well, because
/// their reads came before it was asked for.
struct ReadBatches: Sendable {
  struct Batch: Sendable {
    var read: ReadID
    /// Before the question left, so that the answer is at least as new.
    var askedAt: Instant
    var requests: [RequestID]
  }

  struct Confirmed: Sendable {
    var index: LogIndex
    var requests: [RequestID]
  }

  /// Batches without an answer; with one more, the oldest is asked for anew.
  static let inflightLimit = 8

  private(set) var gathered: [RequestID] = []
  private(set) var batches: [Batch] = []
  private(set) var confirmed: [Confirmed] = []
  private var lastRead: UInt64 = 0

  /// Whether reads wait, and none are on their way with whose answer they had better go.
  var wantsBatch: Bool { !gathered.isEmpty && !isUnderWay }

  /// Whether reads are on their way.
  var isUnderWay: Bool { !batches.allSatisfy { $0.requests.isEmpty } }

  /// Whether reads are confirmed, at an index that is not applied yet.
  var awaitsApply: Bool { !confirmed.isEmpty }

  mutating func gather(_ id: RequestID) { gathered.append(id) }

  /// A batch of all that are gathered, perhaps none: then it only serves freshness.
  mutating func begin(at now: Instant) -> ReadID {
    var requests: [RequestID] = []
    if batches.count >= Self.inflightLimit { requests = batches.removeFirst().requests }
    lastRead += 1
    let read = ReadID(lastRead)
    batches.append(Batch(read: read, askedAt: now, requests: requests + gathered))
    gathered = []
    return read
  }

  /// Notes an answer. Returns the instant of the question and the reads that it confirms; `nil`:
  /// a later answer came before.
  mutating func confirm(
    _ read: ReadID, at index: LogIndex
  ) -> (askedAt: Instant, requests: [RequestID])? {
    guard let position = batches.firstIndex(where: { $0.read == read }) else { return nil }
    let requests = batches[...position].flatMap(\.requests)
    let askedAt = batches[position].askedAt
    batches.removeFirst(position + 1)
    if !requests.isEmpty { confirmed.append(Confirmed(index: index, requests: requests)) }
    return (askedAt, requests)
  }

  /// The question failed: its reads are gathered again.
  mutating func fail(_ read: ReadID) {
    guard let position = batches.firstIndex(where: { $0.read == read }) else { return }
    gathered = batches.remove(at: position).requests + gathered
  }

  /// Takes out the reads that may be served once `index` is applied.
  mutating func take(applied index: LogIndex) -> [Confirmed] {
    guard confirmed.contains(where: { $0.index <= index }) else { return [] }
    let ready = confirmed.filter { $0.index <= index }
    confirmed.removeAll { $0.index <= index }
    return ready
  }

  /// Takes out the reads that no leader has confirmed.
  mutating func takeUnconfirmed() -> [RequestID] {
    let requests = batches.flatMap(\.requests) + gathered
    for position in batches.indices { batches[position].requests = [] }
    gathered = []
    return requests
  }

  mutating func takeAll() -> [RequestID] {
    let requests = confirmed.flatMap(\.requests) + takeUnconfirmed()
    confirmed = []
    return requests
  }

  /// Drops the reads that have been answered.
  mutating func retain(_ isKept: (RequestID) -> Bool) {
    gathered.removeAll { !isKept($0) }
    for position in batches.indices { batches[position].requests.removeAll { !isKept($0) } }
    for position in confirmed.indices { confirmed[position].requests.removeAll { !isKept($0) } }
    confirmed.removeAll { $0.requests.isEmpty }
  }
}
