public import Base
import KeyValue
import Raft
import Replica

/// The lane that writes the state file: one batch is one transaction, with its applied index.
///
/// First in, first out. A turn does one piece of work that takes the disk, so that what it brings
/// is told before the next.
public struct FlushLane<Ports: FlushPorts> {
  public struct Settings: Hashable, Sendable {
    /// Small batches are held up so that there is one in this time: each syncs, and rewrites some
    /// pages that say where the rows are. The log holds the rows until then.
    public var interval: Duration = .milliseconds(100)
    /// A batch that removes rows, and what waits for it, is not held up for so long.
    public var purgeInterval: Duration = .milliseconds(25)
    /// A batch of so many rows does not wait.
    public var largeBatch = 4_000

    public init() {}
  }

  private enum Work {
    case letter(FlushLetter<Ports.State>)
    /// Goes on with the house-keeping that the last piece left over.
    case maintain
  }

  private let settings: Settings
  private var waiting: [Work] = []
  /// House-keeping comes next, whatever waits: something was written.
  private var mustTend = false
  /// More of it is to be queued, behind everything that waits by then.
  private var mustQueueTend = false
  /// More of it is queued, or will be.
  private var isMaintenanceDue = false
  private var lastWrite = Instant.zero
  /// The last piece of house-keeping: when it ended, and how long it took.
  private var tended: (at: Instant, took: Duration) = (.zero, .zero)
  /// As the replica was told.
  private var durableApplied = LogIndex.zero
  private var usedBytes: UInt64?
  /// Who waits until every free page is given back.
  private var defragmenting: [RequestID] = []
  private var hasFailed = false

  public init(settings: Settings = Settings()) { self.settings = settings }

  /// Takes a batch in, and does the next piece of work if its time has come. The first turn tells
  /// how things stand.
  public mutating func turn(
    _ letters: [FlushLetter<Ports.State>], at now: Instant, ports: inout Ports,
    out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) {
    guard !hasFailed else { return }
    for letter in letters { waiting.append(.letter(letter)) }
    if mustQueueTend {
      mustQueueTend = false
      waiting.append(.maintain)
    }
    do {
      if mustTend {
        mustTend = false
        try maintain(now, &ports, &out)
      } else {
        try workNext(now, &ports, &out)
      }
    } catch {
      hasFailed = true
      out.fault = error
      return
    }
    tellStanding(ports, &out)
    if mustTend || mustQueueTend {
      out.wakeAt = now
    } else if let next = waiting.first {
      out.wakeAt = max(now, due(next, ports))
    }
  }

  /// The last turn: does what waits, and waits for nothing.
  public mutating func close(
    at now: Instant, ports: inout Ports, out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) {
    out.defragmented += defragmenting
    do {
      while !hasFailed, !waiting.isEmpty {
        guard case .letter(let letter) = waiting.removeFirst() else { continue }
        try perform(letter, now, &ports, &out)
      }
    } catch {
      hasFailed = true
      out.fault = error
    }
  }

  private mutating func workNext(
    _ now: Instant, _ ports: inout Ports, _ out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) throws {
    while let work = waiting.first, due(work, ports) <= now {
      waiting.removeFirst()
      switch work {
      case .maintain:
        isMaintenanceDue = false
        return try maintain(now, &ports, &out)
      case .letter(let letter):
        try perform(letter, now, &ports, &out)
        if mustTend { return }
      }
    }
  }

  /// When its time has come.
  private func due(_ work: Work, _ ports: Ports) -> Instant {
    switch work {
    case .maintain:
      // House-keeping shares the disk with the log's syncs: it leaves it alone for three quarters
      // of the time.
      tended.at + min(max(tended.took * 3, .milliseconds(1)), .milliseconds(25))
    case .letter(.order(.write(let batch, generation: let generation))):
      // Lets the next rows pile up: a transaction for each would cost more than it brings.
      batch.rows.count >= settings.largeBatch || generation != ports.generation
        ? .zero
        : lastWrite + (batch.removed.isEmpty ? settings.interval : settings.purgeInterval)
    case .letter(.order(.openSnapshot)), .letter(.adopt), .letter(.defragment): .zero
    }
  }

  private mutating func perform(
    _ letter: FlushLetter<Ports.State>, _ now: Instant, _ ports: inout Ports,
    _ out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) throws {
    switch letter {
    case .order(.write(let batch, generation: let generation)):
      // The state that it belongs to is closed.
      guard generation == ports.generation else { return }
      lastWrite = now
      try ports.write(batch)
      out.letters.append(.flushed(generation: generation, through: batch.meta.appliedIndex))
      mustTend = true
    case .order(.openSnapshot(let asker)):
      out.opened.append((asker, TransferBox(try ports.openSnapshot())))
    case .defragment(let id):
      defragmenting.append(id)
      ports.giveBackAll()
      mustTend = true
    case .adopt(let state, let base):
      durableApplied = .zero
      out.letters.append(.adopted(TransferBox(try ports.adopt(state.take())), base))
      // What the old file had to give went with it.
      out.defragmented += defragmenting
      defragmenting = []
    }
  }

  /// A bounded piece of house-keeping; what it leaves comes after what waits.
  private mutating func maintain(
    _ now: Instant, _ ports: inout Ports, _ out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) throws {
    let took = try ports.maintain()
    tended = (now + took, took)
    if ports.hasGivenBackAll {
      out.defragmented += defragmenting
      defragmenting = []
    }
    guard ports.wantsMaintenance, !isMaintenanceDue else { return }
    (isMaintenanceDue, mustQueueTend) = (true, true)
  }

  /// Tells the replica what has changed.
  private mutating func tellStanding(
    _ ports: Ports, _ out: inout FlushOutput<Ports.Readers, Ports.Source>
  ) {
    let durable = ports.durableApplied
    if durable > durableApplied {
      durableApplied = durable
      out.reports.append(.durableApplied(durable))
    }
    let used = ports.usedBytes
    if used != usedBytes {
      usedBytes = used
      out.reports.append(.storeSize(used))
    }
  }
}
