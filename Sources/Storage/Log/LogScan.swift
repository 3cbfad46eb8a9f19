import Raft

/// Reads a log's segments in their order, and tells a torn tail from damage.
///
/// A commit is synced before the next begins. So a power loss leaves at most one unfinished commit,
/// at the end, and a record that says that what is broken was once on the disk proves damage.
struct LogScan {
  private let place: EntryLog.Place
  private let base: EntryID?
  /// The sequence of the next record.
  private(set) var next: UInt64
  /// The checksum of the last head; `nil`: whatever the first record says.
  private(set) var previous: UInt32?
  /// All entries so far that count, from before the base on.
  private(set) var entries: [Entry] = []

  /// `base`: where the log begins; `nil`: not formed, so there may be none.
  init(_ place: EntryLog.Place, base: EntryID?) {
    self.place = place
    self.base = base
    next = place.floor
    previous = place.floor == 1 ? 0 : nil
  }

  /// The heads of all whole records of a segment. `following`: the first record of the segment
  /// after it; `nil`: it is the last.
  ///
  /// *Throws* `damaged`.
  mutating func read(
    _ bytes: [UInt8], of path: String, following: UInt64?
  ) throws(StorageError) -> [LogRecord.Head] {
    var heads: [LogRecord.Head] = []
    var offset = 0
    while let record = follower(bytes, at: offset) {
      try take(record.entries, path)
      heads.append(record.head)
      (next, previous) = (next + 1, record.head.checksum)
      offset = LogRecord.end(of: offset, length: Int(record.head.length))
    }
    if let following {
      // A segment is synced before there is a later one.
      guard next == following else {
        throw .damaged(file: path, place: "record \(next) is missing, at byte \(offset)")
      }
    } else {
      try checkTail(bytes, from: offset, path)
    }
    return heads
  }

  /// The record at this offset, if it is the one that comes next.
  private func follower(_ bytes: [UInt8], at offset: Int) -> LogRecord? {
    guard let record = LogRecord(bytes, at: offset), isOwn(record.head),
      record.head.sequence == next
    else { return nil }
    return record.head.previous == previous ?? record.head.previous ? record : nil
  }

  private func isOwn(_ head: LogRecord.Head) -> Bool {
    head.salt == place.salt && head.edition == place.edition
  }

  private func checkTail(
    _ bytes: [UInt8], from end: Int, _ path: String
  ) throws(StorageError) {
    for offset in stride(from: end, to: bytes.count, by: LogRecord.alignment) {
      guard let head = LogRecord.Head(bytes, at: offset), isOwn(head), head.sequence > next,
        head.synced > next
      else { continue }
      throw .damaged(file: path, place: "byte \(end); record \(head.sequence) follows it")
    }
  }

  private mutating func take(
    _ added: [Entry], _ path: String
  ) throws(StorageError) {
    let first = added[0]
    let oldest = entries.first?.index ?? first.index
    let last = entries.last?.index ?? base?.index ?? .zero
    guard base != nil, first.index <= last.next else {
      throw .damaged(file: path, place: "entries before \(first.index.number) are missing")
    }
    if first.index <= last, !entries.isEmpty {
      entries.removeLast(Int(last.number - max(first.index, oldest).number) + 1)
    }
    guard first.term >= entries.last?.term ?? .zero else {
      throw .damaged(file: path, place: "entry \(first.index.number) of the log")
    }
    entries += added
  }

  /// All entries after the base, once every segment was read. *Throws* `damaged`.
  func finish(in path: String) throws(StorageError) -> [Entry] {
    guard let base, let first = entries.first, let last = entries.last else { return [] }
    guard last.index >= base.index else {
      throw .damaged(file: path, place: "the end of the log is missing")
    }
    guard first.index <= base.index else { return entries }
    let held = Int(base.index.number - first.index.number)
    guard entries[held].id == base else {
      throw .damaged(file: path, place: "entry \(base.index.number) of the log")
    }
    return Array(entries[(held + 1)...])
  }
}
