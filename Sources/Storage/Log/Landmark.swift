import Raft

/// What the log had reached at some durable batch. The log never lies below it, so a log that
/// does has lost something that was promised.
struct LandmarkRecord: Hashable {
  var hardState = HardState()
  var last = EntryID.zero
  /// Where the log begins; `nil`: not formed.
  var base: LogIndex?

  /// A log that stands here contains everything that the landmark speaks of.
  func isReached(by log: LandmarkRecord) -> Bool {
    guard log.last >= last, log.baseNumber >= baseNumber else { return false }
    if log.hardState.currentTerm == hardState.currentTerm {
      return hardState.votedFor == nil || hardState.votedFor == log.hardState.votedFor
    }
    return log.hardState.currentTerm > hardState.currentTerm
  }

  /// Zero: not formed.
  fileprivate var baseNumber: UInt64 { base.map { $0.number + 1 } ?? 0 }
}

/// The landmark's file: two slots, written in turn, each with a sequence and a checksum.
///
/// It is not synced on the path: after a power loss it may be old, never ahead. Only at the start,
/// and before the log's end goes back (a conflict, Raft §5.3), is it written and synced.
final class Landmark {
  private static let slotStride = 4096
  private static let slotLength = 57
  private static let format: UInt8 = 1

  private(set) var record: LandmarkRecord
  /// Nothing was ever committed beside it.
  var isFresh: Bool { sequence <= 1 }
  private var sequence: UInt64
  private let file: any DiskFile
  let path: String

  /// Makes the file, synced; the directory's sync is the caller's.
  static func create(at path: String, on fileSystem: any FileSystem) throws(StorageError) {
    try fileSystem.remove(path)
    let file = try fileSystem.open(path)
    for sequence in UInt64(0)...1 {
      try file.write(
        encode(LandmarkRecord(), sequence: sequence), at: Int(sequence) * slotStride)
    }
    try file.sync()
  }

  /// *Throws* `damaged` if there is no file or no whole slot.
  init(opening path: String, on fileSystem: any FileSystem) throws(StorageError) {
    self.path = path
    guard fileSystem.exists(path) else { throw .damaged(file: path, place: "it is missing") }
    file = try fileSystem.open(path)
    var newest: (sequence: UInt64, record: LandmarkRecord)?
    for slot in 0..<2 {
      let bytes = try file.read(at: slot * Landmark.slotStride, count: Landmark.slotLength)
      guard let found = Landmark.decode(bytes), found.sequence % 2 == slot else { continue }
      if found.sequence >= newest?.sequence ?? 0 { newest = found }
    }
    guard let newest else { throw .damaged(file: path, place: "neither slot is whole") }
    record = newest.record
    sequence = newest.sequence
  }

  /// Writes the next landmark, which the log has already reached durably.
  func advance(to record: LandmarkRecord) throws(StorageError) {
    guard record != self.record else { return }
    try write(record)
  }

  private func write(_ record: LandmarkRecord) throws(StorageError) {
    sequence += 1
    try file.write(
      Landmark.encode(record, sequence: sequence),
      at: Int(sequence % 2) * Landmark.slotStride)
    self.record = record
  }

  /// Writes the landmark of a log that was just proved durable, and syncs it: what was there before
  /// may have been seen and never written.
  func renew(to record: LandmarkRecord) throws(StorageError) {
    try write(record)
    try file.sync()
  }

  /// Takes back what the log is about to lose, durably.
  func lower(to last: EntryID) throws(StorageError) {
    guard last < record.last else { return }
    var lowered = record
    lowered.last = last
    try advance(to: lowered)
    try file.sync()
  }

  private static func encode(_ record: LandmarkRecord, sequence: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [format]
    bytes.append(number: sequence)
    bytes.append(number: record.hardState.currentTerm.number)
    bytes.append(number: UInt32(record.hardState.votedFor == nil ? 0 : 1))
    bytes.append(number: record.hardState.votedFor?.number ?? 0)
    bytes.append(number: record.last.term.number)
    bytes.append(number: record.last.index.number)
    bytes.append(number: record.baseNumber)
    bytes.append(number: bytes.checksum)
    return bytes
  }

  private static func decode(_ bytes: [UInt8]) -> (sequence: UInt64, record: LandmarkRecord)? {
    var cursor = ByteCursor(bytes)
    guard bytes.count == slotLength, cursor.number(UInt8.self) == format,
      let sequence = cursor.number(UInt64.self), let term = cursor.number(UInt64.self),
      let hasVoted = cursor.number(UInt32.self), let vote = cursor.number(UInt64.self),
      let lastTerm = cursor.number(UInt64.self), let lastIndex = cursor.number(UInt64.self),
      let base = cursor.number(UInt64.self),
      cursor.number(UInt32.self) == bytes.dropLast(4).checksum
    else { return nil }
    let state = HardState(
      currentTerm: Term(term), votedFor: hasVoted == 0 ? nil : MemberID(vote))
    let last = EntryID(term: Term(lastTerm), index: LogIndex(lastIndex))
    return (
      sequence,
      LandmarkRecord(
        hardState: state, last: last, base: base == 0 ? nil : LogIndex(base - 1))
    )
  }
}
