/// Counts the rows ever written, from one, equally on every member. Rows in number order are rows
/// in revision order. Zero: no row.
public typealias RowNumber = Int64

/// One change of one key: what a put or a delete leaves behind (etcd kv.proto KeyValue).
public struct Row: Hashable, Sendable {
  public var number: RowNumber
  /// The store's revision that made this change.
  public var modRevision: Int64
  /// Counts the changes within one revision, from zero.
  public var subRevision: Int64
  public var key: [UInt8]
  /// Empty for a tombstone.
  public var value: [UInt8]
  /// The revision that created the key's present life; zero for a tombstone.
  public var createRevision: Int64
  /// Counts the puts in the key's present life, from one; zero for a tombstone.
  public var version: Int64
  /// The lease the key hangs on; zero: none.
  public var lease: Int64

  /// The key was deleted here.
  public var isTombstone: Bool { version == 0 }

  public init(
    number: RowNumber, modRevision: Int64, subRevision: Int64, key: [UInt8], value: [UInt8],
    createRevision: Int64, version: Int64, lease: Int64
  ) {
    self.number = number
    self.modRevision = modRevision
    self.subRevision = subRevision
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.version = version
    self.lease = lease
  }

  /// A row whose bytes lay elsewhere.
  public init(_ head: RowHead, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    self.init(
      number: head.number, modRevision: head.modRevision, subRevision: head.subRevision,
      key: [UInt8](key), value: [UInt8](value), createRevision: head.createRevision,
      version: head.version, lease: head.lease)
  }

  /// Everything but the bytes.
  public var head: RowHead {
    RowHead(
      number: number, modRevision: modRevision, subRevision: subRevision,
      createRevision: createRevision, version: version, lease: lease)
  }

  /// What the row occupies in memory, about: its bytes, two buffers' heads and its own fields.
  public var memoryBytes: Int { key.count + value.count + 144 }
}

/// A row without its key and value, for a scan whose bytes lie in somebody else's buffer. The
/// fields mean what they mean in `Row`.
public struct RowHead: Hashable, Sendable {
  public var number: RowNumber
  public var modRevision: Int64
  public var subRevision: Int64
  public var createRevision: Int64
  public var version: Int64
  public var lease: Int64

  public init(
    number: RowNumber, modRevision: Int64, subRevision: Int64, createRevision: Int64,
    version: Int64, lease: Int64
  ) {
    self.number = number
    self.modRevision = modRevision
    self.subRevision = subRevision
    self.createRevision = createRevision
    self.version = version
    self.lease = lease
  }
}
