/// Builds a store from the rows of a state file, in number order, and verifies them on the way.
public struct StoreLoader: ~Copyable {
  public init(
    meta: StateMeta, generation: UInt64, settings: StoreSettings = StoreSettings()
  ) {}

  /// The next row of the scan. The bytes are copied as far as they are needed.
  public mutating func add(
    _ head: RowHead, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
  ) throws(StoreDamage) {
    preconditionFailure("under construction")
  }

  /// The store, if the rows are those that the meta speaks of.
  public consuming func finish() throws(StoreDamage) -> Store {
    preconditionFailure("under construction")
  }
}

/// How the rows of a table contradict the meta beside them, or each other.
public struct StoreDamage: Error, Hashable, Sendable {
  /// One sentence.
  public var reason: String

  public init(reason: String) { self.reason = reason }
}
