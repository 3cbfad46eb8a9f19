import Base
import KeyValue
import Member
import Raft
import Replica

/// A table in memory.
final class Table: RowReading {
  private var rows: [RowNumber: Row] = [:]

  func take(_ batch: FlushBatch) {
    for row in batch.rows { rows[row.number] = row }
    for number in batch.removed { rows[number] = nil }
  }

  func rows(numbered numbers: [RowNumber]) throws -> [Row] {
    numbers.map { number in
      guard let row = rows[number] else { preconditionFailure("row \(number) is not kept") }
      return row
    }
  }
}

/// What the apply lane's ports remember.
struct BenchPorts: ApplyPorts {
  typealias Readers = String

  var table = Table()
  var view: PublishedView
  /// The entries that were taken up; zero: none any more.
  var marks: [UInt64] = []
  var applied: [UInt64] = []
  var adopted: [String] = []

  var rows: any RowReading { table }

  mutating func mark(_ entry: Entry?) { marks.append(entry?.index.number ?? 0) }

  mutating func skipped(_ entry: Entry, _ meta: StateMeta) { applied.append(meta.appliedIndex) }

  mutating func applied(
    _ entry: Entry, _ envelope: CommandEnvelope, _ effect: Applied, _ meta: StateMeta
  ) { applied.append(meta.appliedIndex) }

  mutating func hideUnusedView() -> Bool {
    _ = view.takeBackUnused()
    return view.isHidden
  }

  mutating func publish(_ view: ReadView) { _ = self.view.show(view) }

  mutating func advance(to meta: StateMeta) { _ = view.advance(to: meta) }

  mutating func adopt(_ readers: String) {
    adopted.append("\(readers) at \(view.meta.appliedIndex)")
  }
}

/// An apply lane on a table in memory, turn by turn.
struct ApplyBench {
  static let me = MemberID(7)
  static let boot = Boot(3)
  var lane: ApplyLane<BenchPorts>
  var ports: BenchPorts
  var now = Instant.zero

  init(_ settings: StoreSettings = StoreSettings()) {
    let store = Store(generation: 1, settings: settings)
    ports = BenchPorts(view: PublishedView(store.readView))
    lane = ApplyLane(me: Self.me, boot: Self.boot, store: store)
  }

  /// One turn, and what comes of it.
  mutating func turn(_ letters: ApplyLetter<String>...) -> ApplyOutput {
    var out = ApplyOutput()
    lane.turn(letters, at: now, ports: &ports, out: &out)
    return out
  }

  /// The flush lane writes this batch; its letter.
  func write(_ batch: FlushBatch) -> ApplyLetter<String> {
    ports.table.take(batch)
    return .flushed(generation: 1, through: batch.meta.appliedIndex)
  }

  static func entry(_ index: UInt64, _ content: Entry.Content) -> Entry {
    Entry(id: EntryID(term: Term(1), index: LogIndex(index)), content: content)
  }

  static func entry(_ index: UInt64, _ command: Command, by id: UInt64 = 0) -> Entry {
    let origin = CommandOrigin(member: me.number, boot: id == 0 ? 0 : boot.number, sequence: id)
    return entry(index, .command(CommandEnvelope(origin: origin, command: command).encoded()))
  }

  /// By a request of this boot with the entry's own number.
  static func put(_ index: UInt64, bytes: Int = 1) -> Entry {
    entry(
      index, .put(PutRequest(key: [1], value: [UInt8](repeating: 2, count: bytes))), by: index)
  }
}

extension ApplyOutput {
  /// What the flush lane is to write.
  var batches: [FlushBatch] {
    flushOrders.compactMap { if case .write(let batch, generation: _) = $0 { batch } else { nil } }
  }

  /// Whose snapshot the flush lane is to open.
  var openings: [SnapshotAsker] {
    flushOrders.compactMap { if case .openSnapshot(let asker) = $0 { asker } else { nil } }
  }
}
