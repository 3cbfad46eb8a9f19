/// One row that an entry wrote.
public struct RowChange: Hashable, Sendable {
  public var row: Row
  /// The row that held the key before, of a live key; zero: the key was not there.
  public var previous: RowNumber

  public init(row: Row, previous: RowNumber) {
    self.row = row
    self.previous = previous
  }
}

/// What came of an entry: the answer for who waits, the changes for who watches.
public struct Applied: Hashable, Sendable {
  public var result: CommandResult
  /// In row order, all of one revision, `result.revision`; empty: nothing changed.
  public var changes: [RowChange]
  /// In the order in which they were made.
  public var leases: [LeaseChange]

  public init(result: CommandResult, changes: [RowChange], leases: [LeaseChange] = []) {
    self.result = result
    self.changes = changes
    self.leases = leases
  }
}
