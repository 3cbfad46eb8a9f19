import KeyValue
import Raft

/// Sends the contents of a `MemoryState` as they were.
final class MemorySnapshotSource: SnapshotSource {
  let meta: StateMeta
  private let contents: MemoryState.Contents
  private var position = 0
  private var writer: SnapshotWriter
  private var release: (() -> Void)?

  init(contents: MemoryState.Contents, release: @escaping () -> Void) {
    self.contents = contents
    self.release = release
    meta = contents.meta
    writer = SnapshotWriter(meta: contents.meta, leases: contents.leases)
  }

  func next(limitBytes: Int) throws(StorageError) -> [UInt8]? {
    if !writer.hasBegun { return writer.head() }
    if let chunk = writer.leaseChunk(limitBytes) { return chunk }
    guard position < contents.rows.count else { return writer.end() }
    while position < contents.rows.count, writer.wants(contents.rows[position], limitBytes) {
      writer.add(contents.rows[position])
      position += 1
    }
    return writer.chunk()
  }

  func close() {
    release?()
    release = nil
  }
}

/// Collects a snapshot for a `MemoryStore`.
final class MemorySnapshotSink: SnapshotSink {
  private var reader = SnapshotReader()
  private var contents = MemoryState.Contents()
  private let number: UInt64
  private let arrivals: MemoryArrivals

  init(_ arrivals: MemoryArrivals) {
    self.arrivals = arrivals
    number = arrivals.nextNumber()
  }

  func receive(_ chunk: [UInt8]) throws(StorageError) {
    let piece = try reader.take(chunk)
    contents.rows += piece.rows
    contents.bytes += piece.rows.reduce(0) { $0 + $1.memoryBytes }
    contents.leases += piece.leases
  }

  func finish() throws(StorageError) -> StateMeta {
    contents.meta = try reader.finish()
    arrivals.announce(number, contents)
    return contents.meta
  }

  func abandon() {
    contents = MemoryState.Contents()
    arrivals.withdraw(number)
  }
}

/// What has arrived whole, as `SnapshotArrivals` has it for files.
final class MemoryArrivals {
  private var whole: [(number: UInt64, contents: MemoryState.Contents)] = []
  private var count: UInt64 = 0

  func nextNumber() -> UInt64 {
    count += 1
    return count
  }

  func announce(_ number: UInt64, _ contents: MemoryState.Contents) {
    whole.append((number, contents))
  }

  func withdraw(_ number: UInt64) { whole.removeAll { $0.number == number } }

  func claim(_ last: EntryID) -> MemoryState.Contents? {
    let position = whole.firstIndex { arrival in
      let meta = arrival.contents.meta
      return last
        == EntryID(term: Term(meta.appliedTerm), index: LogIndex(meta.appliedIndex))
    }
    return position.map { whole.remove(at: $0).contents }
  }

  func forget() { whole = [] }
}
