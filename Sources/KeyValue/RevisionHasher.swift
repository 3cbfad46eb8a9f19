/// etcd's HashKV of a revision, fed row by row (etcd 3.5 server/mvcc/hash.go).
public struct RevisionHasher: Sendable {
  /// Zero or below: the newest revision.
  ///
  /// *Throws* when the revision was compacted or does not exist yet.
  public init(root: Root, revision: Int64) throws(CommandError) {}

  /// The rows to feed: those numbered up to this one.
  public var lastRow: RowNumber { 0 }

  /// The next row. *Precondition*: numbers ascend.
  public mutating func add(_ row: Row) {
    preconditionFailure("under construction")
  }

  public func finish() -> UInt32 {
    preconditionFailure("under construction")
  }
}
