import KeyValue

/// The parts of a snapshot stream. A chunk is `format, kind, sequence, payload, CRC-32C`; the
/// sequence counts the chunks of a stream from zero, so none can be lost, repeated or exchanged.
enum SnapshotChunk {
  /// What is written. The first format had no leases, the second no alarms.
  static let format: UInt8 = 3
  private static let formats: ClosedRange<UInt8> = 1...3

  enum Kind: UInt8 {
    /// The `StateMeta`. First, once.
    case head = 1
    /// Rows in number order.
    case rows = 2
    /// Leases, ascending by id. After the head, before the rows.
    case leases = 4
    /// Nothing: every row and lease of the head's digest was sent. Last, once.
    case end = 3
  }

  /// Starts a chunk.
  static func open(_ kind: Kind, sequence: UInt64) -> [UInt8] {
    var bytes = [format, kind.rawValue]
    bytes.append(number: sequence)
    return bytes
  }

  static func seal(_ bytes: inout [UInt8]) { bytes.append(number: bytes.checksum) }

  /// The kind and the payload. *Throws* `snapshotRefused` if the chunk is not whole or not next.
  static func parse(
    _ bytes: [UInt8], sequence: UInt64
  ) throws(StorageError) -> (Kind, ByteCursor) {
    guard bytes.count >= 14 else { throw .snapshotRefused(reason: "chunk \(sequence) is short") }
    var trailer = ByteCursor(bytes.suffix(4))
    guard trailer.number(UInt32.self) == bytes.dropLast(4).checksum else {
      throw .snapshotRefused(reason: "chunk \(sequence) fails its checksum")
    }
    var cursor = ByteCursor(bytes.dropLast(4))
    guard let found = cursor.number(UInt8.self), formats.contains(found) else {
      throw .snapshotRefused(reason: "format \(bytes[0]) is not known")
    }
    guard let kind = cursor.number(UInt8.self).flatMap(Kind.init(rawValue:)) else {
      throw .snapshotRefused(reason: "chunk \(sequence) has kind \(bytes[1])")
    }
    guard let number = cursor.number(UInt64.self), number == sequence else {
      throw .snapshotRefused(reason: "chunk \(sequence) is missing")
    }
    return (kind, cursor)
  }
}

/// Makes the chunks of one stream.
struct SnapshotWriter {
  private let meta: StateMeta
  /// Those that were not sent yet.
  private var leases: ArraySlice<Lease>
  private var sequence: UInt64 = 0
  private var open: [UInt8] = []
  private var hasEnded = false

  init(meta: StateMeta, leases: [Lease]) {
    self.meta = meta
    self.leases = leases[...]
  }

  var hasBegun: Bool { sequence > 0 }

  mutating func head() -> [UInt8] {
    var bytes = SnapshotChunk.open(.head, sequence: 0)
    meta.encode(into: &bytes)
    return finish(&bytes)
  }

  /// The next chunk of leases; `nil`: all were sent.
  mutating func leaseChunk(_ limitBytes: Int) -> [UInt8]? {
    guard !leases.isEmpty else { return nil }
    var bytes = SnapshotChunk.open(.leases, sequence: sequence)
    let room = max(1, (limitBytes - bytes.count) / Lease.encodedLength)
    for lease in leases.prefix(room) { lease.encode(into: &bytes) }
    leases = leases.dropFirst(room)
    return finish(&bytes)
  }

  /// The open chunk has room for the row, or is empty.
  func wants(_ row: Row, _ limitBytes: Int) -> Bool {
    open.isEmpty || open.count + row.encodedLength <= limitBytes
  }

  mutating func add(_ row: Row) {
    if open.isEmpty { open = SnapshotChunk.open(.rows, sequence: sequence) }
    row.encode(into: &open)
  }

  /// The open chunk, closed. *Precondition*: it holds a row.
  mutating func chunk() -> [UInt8] {
    precondition(!open.isEmpty, "a chunk of rows holds at least one")
    var bytes = open
    open = []
    return finish(&bytes)
  }

  /// The last chunk, then `nil`.
  mutating func end() -> [UInt8]? {
    guard !hasEnded else { return nil }
    hasEnded = true
    var bytes = SnapshotChunk.open(.end, sequence: sequence)
    return finish(&bytes)
  }

  private mutating func finish(_ bytes: inout [UInt8]) -> [UInt8] {
    SnapshotChunk.seal(&bytes)
    sequence += 1
    return bytes
  }
}

/// Takes the chunks of one stream apart and checks the whole.
struct SnapshotReader {
  /// What one chunk brings.
  struct Piece {
    var rows: [Row] = []
    var leases: [Lease] = []
  }

  private(set) var meta: StateMeta?
  private var leases = LeaseMeta()
  private var lastLease: Int64?
  private var count: Int64 = 0
  private var digest = StateDigest()
  private var sequence: UInt64 = 0
  private var lastRow: RowNumber = 0
  private var hasEnded = false

  /// What the next chunk brings; nothing for head and end.
  mutating func take(_ chunk: [UInt8]) throws(StorageError) -> Piece {
    guard !hasEnded else { throw .snapshotRefused(reason: "it goes on after its end") }
    var (kind, cursor) = try SnapshotChunk.parse(chunk, sequence: sequence)
    guard (kind == .head) == (sequence == 0) else {
      throw .snapshotRefused(reason: "chunk \(sequence) is of the wrong kind")
    }
    sequence += 1
    var piece = Piece()
    switch kind {
    case .head:
      meta = StateMeta(from: &cursor)
      guard meta != nil else { throw .snapshotRefused(reason: "its head is short") }
    case .rows:
      piece.rows = try rows(&cursor)
    case .leases:
      piece.leases = try readLeases(&cursor)
    case .end:
      guard count == meta?.rowCount, digest == meta?.presentDigest else {
        throw .snapshotRefused(reason: "rows are missing or not the ones that were sent")
      }
      guard leases.count == meta?.leases.count, leases.digest == meta?.leases.digest else {
        throw .snapshotRefused(reason: "leases are missing or not the ones that were sent")
      }
      hasEnded = true
    }
    guard cursor.remaining == 0 else {
      throw .snapshotRefused(reason: "chunk \(sequence - 1) is too long")
    }
    return piece
  }

  private mutating func readLeases(_ cursor: inout ByteCursor) throws(StorageError) -> [Lease] {
    guard lastRow == 0 else { throw .snapshotRefused(reason: "leases follow rows") }
    var found: [Lease] = []
    while cursor.remaining > 0 {
      guard let lease = Lease(from: &cursor) else {
        throw .snapshotRefused(reason: "a lease of chunk \(sequence - 1) is short")
      }
      guard lastLease.map({ lease.id > $0 }) ?? true else {
        throw .snapshotRefused(reason: "lease \(lease.id) follows one that comes later")
      }
      lastLease = lease.id
      leases.count += 1
      leases.digest = leases.digest + StateDigest(of: lease)
      found.append(lease)
    }
    return found
  }

  private mutating func rows(_ cursor: inout ByteCursor) throws(StorageError) -> [Row] {
    var rows: [Row] = []
    while cursor.remaining > 0 {
      guard let row = Row(from: &cursor) else {
        throw .snapshotRefused(reason: "a row of chunk \(sequence - 1) is short")
      }
      guard row.number > lastRow, row.number <= meta?.lastRow ?? 0 else {
        throw .snapshotRefused(reason: "row \(row.number) follows row \(lastRow)")
      }
      lastRow = row.number
      count += 1
      digest = digest + StateDigest(of: row)
      rows.append(row)
    }
    return rows
  }

  /// The snapshot's meta, once every chunk was taken.
  func finish() throws(StorageError) -> StateMeta {
    guard hasEnded, let meta else { throw .snapshotRefused(reason: "its end is missing") }
    return meta
  }
}
