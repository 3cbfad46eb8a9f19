import Storage
import CSQLite

/// What a disk is told to do wrong. `MemoryDisk` and `FaultyDisk` obey it alike.
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
    /// A write leaves its first half and says that it failed.
    case torn
    /// A sync says that it failed, and what waited for it will never be written, although readers
    /// go on seeing it: what Linux does with dirty pages after a failed fsync (PostgreSQL, 2018).
    /// On a real disk like `inputOutput`.
    case forgotten
    /// The operation does nothing and says that it went well.
    case dropped
    /// The operation goes well, so much later. No time passes on a disk in memory.
    case stalled(milliseconds: Int)
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

extension DiskFault.Failure {
  /// How much of an operation is carried out, and whether it says that it went well.
  var conduct: Conduct {
    switch self {
    case .inputOutput, .full: Conduct(extent: .nothing, isSuccess: false)
    case .torn, .forgotten: Conduct(extent: .botched, isSuccess: false)
    case .dropped: Conduct(extent: .nothing, isSuccess: true)
    case .stalled: Conduct(extent: .whole, isSuccess: true)
    }
  }

  struct Conduct: Hashable {
    /// Botched: half of a write; a sync that loses what waited for it; of all else nothing.
    enum Extent { case nothing, botched, whole }
    var extent: Extent
    var isSuccess: Bool
  }

  /// What SQLite is told; `code`: the operation's own error.
  func answer(failing code: Int32) -> Int32 {
    if conduct.isSuccess { return SQLITE_OK }
    return self == .full ? SQLITE_FULL : code
  }

  /// What the owner of a plain file is told; `nil`: that it went well.
  func error(_ path: String, _ action: String) -> StorageError? {
    if conduct.isSuccess { return nil }
    return self == .full
      ? .full(file: path) : .failed(file: path, action: action, reason: "injected fault")
  }
}
