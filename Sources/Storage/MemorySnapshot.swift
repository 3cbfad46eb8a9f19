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
  private let deliver: (MemoryState.Contents) -> Void

  init(deliver: @escaping (MemoryState.Contents) -> Void) { self.deliver = deliver }

  func receive(_ chunk: [UInt8]) throws(StorageError) {
    let piece = try reader.take(chunk)
    contents.rows += piece.rows
    contents.bytes += piece.rows.reduce(0) { $0 + $1.memoryBytes }
    contents.leases += piece.leases
  }

  func finish() throws(StorageError) -> StateMeta {
    contents.meta = try reader.finish()
    deliver(contents)
    return contents.meta
  }

  func abandon() { contents = MemoryState.Contents() }
}
