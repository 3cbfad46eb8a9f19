/// What a disk is told to do wrong.
public struct DiskFault: Sendable {
  public enum Operation: Hashable, Sendable {
    case read, write, truncate, sync
    /// Making, removing and renaming files.
    case names
  }

  public enum Failure: Hashable, Sendable {
    /// The operation does nothing and says so.
    case inputOutput
    /// There is no room.
    case full
  }

  /// `nil`: every operation that changes something.
  public var operation: Operation?
  /// Only files whose names end so; empty: all.
  public var suffix: String
  /// Operations that still go well.
  public var after: Int
  /// It happens once, or from then on.
  public var isLasting: Bool
  public var failure: Failure

  public init(
    _ failure: Failure, of operation: Operation? = nil, on suffix: String = "", after: Int = 0,
    isLasting: Bool = true
  ) {
    self.failure = failure
    self.operation = operation
    self.suffix = suffix
    self.after = after
    self.isLasting = isLasting
  }

  /// Whether this operation fails; counts it. `nil` in `fault`: nothing is to fail (any more).
  static func strike(
    _ fault: inout DiskFault?, _ operation: Operation, on name: String
  ) -> Failure? {
    guard var armed = fault, name.hasSuffix(armed.suffix),
      armed.operation == operation || (armed.operation == nil && operation != .read)
    else { return nil }
    guard armed.after == 0 else {
      armed.after -= 1
      fault = armed
      return nil
    }
    if !armed.isLasting { fault = nil }
    return armed.failure
  }
}
