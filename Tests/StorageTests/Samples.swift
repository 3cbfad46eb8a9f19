import KeyValue
import Raft

@testable import Storage

/// Short words for the values that the tests are about.
enum Sample {
  static let claim = Claim(cluster: 0xC0FFEE, member: MemberID(1), name: "n1")

  static let configuration = Configuration(
    members: (1...3).map { number in
      Configuration.Member(
        id: MemberID(number), incarnation: Incarnation(100 + number), role: .voter,
        name: "n\(number)", peerURLs: ["http://127.0.0.1:\(2380 + number)"])
    })

  static let base = LogBase(last: .zero, configuration: configuration)

  static func id(_ term: UInt64, _ index: UInt64) -> EntryID {
    EntryID(term: Term(term), index: LogIndex(index))
  }

  static func base(_ term: UInt64, _ index: UInt64) -> LogBase {
    LogBase(last: id(term, index), configuration: configuration)
  }

  /// A command whose bytes say which entry it is.
  static func entry(_ term: UInt64, _ index: UInt64, bytes: Int = 40) -> Entry {
    let text = Array("entry \(index) of term \(term) ".utf8)
    let body = (0..<max(bytes, 1)).map { text[$0 % text.count] }
    return Entry(id: id(term, index), content: .command(body))
  }

  static func entries(_ term: UInt64, _ range: ClosedRange<UInt64>, bytes: Int = 40) -> [Entry] {
    range.map { entry(term, $0, bytes: bytes) }
  }

  static func write(
    _ entries: [Entry] = [], term: UInt64? = nil, vote: UInt64? = nil, cut: LogBase? = nil,
    install: LogBase? = nil
  ) -> StorageWrite {
    var write = StorageWrite(ticket: WriteTicket(1))
    write.entries = entries
    write.hardState = term.map {
      HardState(currentTerm: Term($0), votedFor: vote.map { MemberID($0) })
    }
    write.cut = cut
    write.install = install
    return write
  }
}

/// Makes flush batches that follow from each other, as the key-value store would.
struct Batches {
  private(set) var meta = StateMeta()
  private(set) var rows: [Row] = []
  /// Ascending by id.
  private(set) var leases: [Lease] = []

  /// One entry that puts each of these keys once.
  mutating func put(_ keys: [String], index: UInt64, term: UInt64 = 1, valueBytes: Int = 24)
    -> FlushBatch
  {
    meta.appliedIndex = index
    meta.appliedTerm = term
    meta.revision += 1
    let fresh = keys.enumerated().map { offset, key in
      Row(
        number: meta.lastRow + 1 + Int64(offset), modRevision: meta.revision,
        subRevision: Int64(offset), key: Array(key.utf8),
        value: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: valueBytes),
        createRevision: meta.revision, version: 1, lease: 0)
    }
    for row in fresh {
      meta.digest = meta.digest + StateDigest(of: row)
      meta.presentDigest = meta.presentDigest + StateDigest(of: row)
    }
    meta.lastRow += Int64(fresh.count)
    meta.rowCount += Int64(fresh.count)
    rows += fresh
    return FlushBatch(rows: fresh, removed: [], meta: meta)
  }

  /// One entry after which these leases are as given, and those have ended.
  mutating func lease(
    _ changed: [Lease], ended: [Int64] = [], time: Int64 = 0, index: UInt64, term: UInt64 = 1
  ) -> FlushBatch {
    meta.appliedIndex = index
    meta.appliedTerm = term
    let gone = changed.map(\.id) + ended
    leases = (leases.filter { !gone.contains($0.id) } + changed).sorted { $0.id < $1.id }
    meta.leases = LeaseMeta(
      time: time, count: Int64(leases.count),
      digest: leases.reduce(StateDigest()) { $0 + StateDigest(of: $1) })
    return FlushBatch(
      rows: [], removed: [], leases: changed, endedLeases: ended, meta: meta)
  }

  /// The physical end of rows with these numbers.
  mutating func remove(_ numbers: [RowNumber]) -> FlushBatch {
    for row in rows where numbers.contains(row.number) {
      meta.presentDigest = meta.presentDigest - StateDigest(of: row)
      meta.rowCount -= 1
    }
    rows.removeAll { numbers.contains($0.number) }
    return FlushBatch(rows: [], removed: numbers, meta: meta)
  }
}

extension StateStore {
  /// Every row by a scan, proved against the meta as the key-value store does it.
  func scannedRows() throws -> [Row] {
    var rows: [Row] = []
    try scan { head, key, value, _ in
      rows.append(
        Row(
          number: head.number, modRevision: head.modRevision, subRevision: head.subRevision,
          key: Array(key), value: Array(value), createRevision: head.createRevision,
          version: head.version, lease: head.lease))
    }
    let digest = rows.reduce(StateDigest()) { $0 + StateDigest(of: $1) }
    guard digest == meta.presentDigest, Int64(rows.count) == meta.rowCount else {
      throw StorageError.damaged(file: name, place: "its rows are not those of its meta")
    }
    return rows
  }
}

extension SnapshotSource {
  /// All chunks.
  func drain(limitBytes: Int = 256) throws -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    while let chunk = try next(limitBytes: limitBytes) { chunks.append(chunk) }
    return chunks
  }
}

extension LogStore {
  /// Forms a store whose founding nobody knows.
  func form(_ base: LogBase) throws(StorageError) {
    try form(Formation(base: base, founding: .unknown))
  }
}
