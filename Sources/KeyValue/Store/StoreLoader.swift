/// Builds a store from the rows of a state file, in number order, and verifies them on the way.
public struct StoreLoader: ~Copyable {
  private let meta: StateMeta
  private var leases = LeaseTable()
  private var leaseDigest = StateDigest()
  /// The lease that each key hung on when it was last seen, of the keys that ever hung on one.
  private var leaseOf: [[UInt8]: Int64] = [:]
  private let generation: UInt64
  private let settings: StoreSettings
  private var builder = KeyIndexBuilder()
  private var last: RowHead?
  private var count: Int64 = 0
  private var digest = StateDigest()
  private var blocks = BlockDigests()

  public init(
    meta: StateMeta, generation: UInt64, settings: StoreSettings = StoreSettings()
  ) {
    self.meta = meta
    self.generation = generation
    self.settings = settings
  }

  /// A lease of the table, in any order.
  public mutating func add(_ lease: Lease) {
    leases.set(lease)
    leaseDigest = leaseDigest + StateDigest(of: lease)
  }

  /// The next row of the scan, and its own digest. The key is copied.
  public mutating func add(
    _ head: RowHead, key: UnsafeRawBufferPointer, digest rowDigest: StateDigest
  ) throws(StoreDamage) {
    let before =
      last
      ?? RowHead(
        number: 0, modRevision: 1, subRevision: .max, createRevision: 0, version: 0, lease: 0)
    let isInOrder =
      head.number > before.number
      && (head.modRevision > before.modRevision
        || head.modRevision == before.modRevision && head.subRevision > before.subRevision)
    guard isInOrder else {
      throw StoreDamage(reason: "row \(head.number) is out of order after row \(before.number)")
    }
    guard head.number <= meta.lastRow, head.modRevision <= meta.revision else {
      throw StoreDamage(
        reason: "row \(head.number) of revision \(head.modRevision) is beyond the state's row "
          + "\(meta.lastRow) of revision \(meta.revision)")
    }
    digest = digest + rowDigest
    blocks.add(head.number, revision: head.modRevision, rowDigest)
    count += 1
    last = head
    if head.lease != 0 || !leaseOf.isEmpty { leaseOf[[UInt8](key)] = head.lease }
    builder.add(
      KeyVersion(
        number: head.number, modRevision: head.modRevision, createRevision: head.createRevision,
        version: head.version),
      to: key)
  }

  /// The next row of the scan.
  public mutating func add(_ row: Row) throws(StoreDamage) {
    try row.key.withUnsafeBufferPointer { key throws(StoreDamage) in
      try add(row.head, key: UnsafeRawBufferPointer(key), digest: StateDigest(of: row))
    }
  }

  /// The store, if the rows are those that the meta speaks of.
  public consuming func finish() throws(StoreDamage) -> Store {
    guard count == meta.rowCount else {
      throw StoreDamage(reason: "the table holds \(count) rows instead of \(meta.rowCount)")
    }
    guard digest == meta.presentDigest else {
      throw StoreDamage(reason: "the rows of the table are not those that the state was made of")
    }
    guard Int64(leases.count) == meta.leases.count, leaseDigest == meta.leases.digest else {
      throw StoreDamage(reason: "the leases are not those that the state was made of")
    }
    for (key, id) in leaseOf where id != 0 {
      guard leases[id] != nil else {
        throw StoreDamage(reason: "a key hangs on lease \(id), which does not exist")
      }
      leases.attach(key, to: id)
    }
    let (meta, generation, settings, blocks) = (meta, generation, settings, blocks)
    return Store(
      meta: meta, index: builder.build(), leases: leases, generation: generation,
      settings: settings, blocks: blocks)
  }
}

/// How the rows of a table contradict the meta beside them, or each other.
public struct StoreDamage: Error, Hashable, Sendable {
  /// One sentence.
  public var reason: String

  public init(reason: String) { self.reason = reason }
}
