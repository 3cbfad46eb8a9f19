/// What consecutive entries changed: every row of the revisions `(after, through]`.
public struct ChangeBatch: Hashable, Sendable {
  /// The store's revision before the first of them.
  public var after: Int64
  /// The store's revision after the last of them. Equal to `after`: nothing changed.
  public var through: Int64
  /// In row order.
  public var changes: [RowChange]

  public init(after: Int64, through: Int64, changes: [RowChange] = []) {
    precondition(after <= through, "a batch from \(after) back to \(through)")
    self.after = after
    self.through = through
    self.changes = changes
  }

  /// What its rows occupy, about.
  public var memoryBytes: Int { changes.reduce(0) { $0 + $1.row.memoryBytes } }
}

/// Past changes, read from the store: every row of the revisions `[from, through]` that somebody
/// is interested in.
public struct ChangePiece: Hashable, Sendable {
  public struct Change: Hashable, Sendable {
    public var row: Row
    /// The pair before the change; `nil`: there was none, it is compacted, or nobody wants it.
    public var previous: Row?

    public init(row: Row, previous: Row?) {
      self.row = row
      self.previous = previous
    }
  }

  public var from: Int64
  /// The store's revision as of the read, or an earlier one where the piece was full.
  public var through: Int64
  /// In row order.
  public var changes: [Change]

  public init(from: Int64, through: Int64, changes: [Change]) {
    self.from = from
    self.through = through
    self.changes = changes
  }
}

/// Which past changes to read.
public struct ChangeRequest: Hashable, Sendable {
  public struct Interest: Hashable, Sendable {
    public var range: KeyRange
    /// The pairs before the changes are wanted too.
    public var previousPairs: Bool

    public init(range: KeyRange, previousPairs: Bool) {
      self.range = range
      self.previousPairs = previousPairs
    }
  }

  /// The first revision.
  public var from: Int64
  /// Changes of other keys need not be brought.
  public var interests: [Interest]
  /// A piece ends with the first revision that fills it: rows looked at, and bytes brought. One
  /// revision is never cut, however long it is.
  public var limitRows: Int
  public var limitBytes: Int

  public init(from: Int64, interests: [Interest], limitRows: Int, limitBytes: Int) {
    self.from = from
    self.interests = interests
    self.limitRows = limitRows
    self.limitBytes = limitBytes
  }
}

/// Where past changes are read from, in their order.
public protocol ChangeReading: RowReading {
  /// The first `limit` rows that are there with numbers from `number` on, in order.
  ///
  /// *Throws* when the world fails (a disk, a checksum): the member stops.
  func rows(from number: RowNumber, limit: Int) throws -> [Row]
}
