import Base

/// Reads that wait until a round of heartbeats, begun after they came, proves that the leader
/// still leads (Raft §8, Thesis §6.4).
struct ReadQueue: Hashable, Sendable {
  struct Read: Hashable, Sendable {
    var id: ReadID
    /// The member that forwarded it; `nil`: the leader's own.
    var from: MemberID?
    var deadline: Instant
  }

  /// Reads that one round confirms, and the commit index when the round began.
  struct Batch: Hashable, Sendable {
    var round: UInt64
    var index: LogIndex
    var reads: [Read]
  }

  /// Reads for which no round has begun yet, oldest first.
  private(set) var waiting: [Read] = []
  /// Rounds under way, oldest first.
  private(set) var batches: [Batch] = []

  var isEmpty: Bool { waiting.isEmpty && batches.isEmpty }

  mutating func add(_ read: Read) { waiting.append(read) }

  /// All that wait go with the round that begins now.
  mutating func begin(round: UInt64, at index: LogIndex) {
    guard !waiting.isEmpty else { return }
    demand(
      batches.last.map { $0.round < round } ?? true, "round \(round) began before a read came")
    batches.append(Batch(round: round, index: index, reads: waiting))
    waiting = []
  }

  /// The oldest batch, if a quorum has answered its round or a later one.
  mutating func next(confirmed round: UInt64) -> Batch? {
    guard let first = batches.first, first.round <= round else { return nil }
    batches.removeFirst()
    return first
  }

  /// Takes out the reads whose time is over.
  mutating func takeExpired(at now: Instant) -> [Read] {
    guard let oldest = batches.first?.reads.first ?? waiting.first, oldest.deadline <= now else {
      return []
    }
    var expired: [Read] = []
    for position in batches.indices {
      expired += batches[position].reads.filter { $0.deadline <= now }
      batches[position].reads.removeAll { $0.deadline <= now }
    }
    batches.removeAll { $0.reads.isEmpty }
    expired += waiting.filter { $0.deadline <= now }
    waiting.removeAll { $0.deadline <= now }
    return expired
  }

  /// Drops what the member has forwarded; it asks again, or gives up in time.
  mutating func forget(from member: MemberID) {
    for position in batches.indices { batches[position].reads.removeAll { $0.from == member } }
    batches.removeAll(where: \.reads.isEmpty)
    waiting.removeAll { $0.from == member }
  }

  mutating func takeAll() -> [Read] {
    let all = batches.flatMap(\.reads) + waiting
    self = ReadQueue()
    return all
  }

  // MARK: Exploration

  mutating func setDeadlines(to deadline: Instant) {
    for position in waiting.indices { waiting[position].deadline = deadline }
    for batch in batches.indices {
      for position in batches[batch].reads.indices {
        batches[batch].reads[position].deadline = deadline
      }
    }
  }

  func canonicalize(_ canonical: inout CanonicalState) {
    canonicalize(waiting, &canonical)
    canonical.add(batches.count)
    for batch in batches {
      canonical.add(batch.round)
      canonical.add(batch.index)
      canonicalize(batch.reads, &canonical)
    }
  }

  private func canonicalize(_ reads: [Read], _ canonical: inout CanonicalState) {
    canonical.add(reads.count)
    for read in reads {
      canonical.add(read.id.number)
      canonical.add(read.from)
    }
  }
}
