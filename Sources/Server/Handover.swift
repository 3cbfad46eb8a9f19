import Synchronization

/// A value on its way to another thread.
///
/// Protected by being given away: whoever wraps it does not touch it again.
struct Handover<Value>: @unchecked Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}

/// A value that is taken out once, so that nothing of it stays behind with whoever brought it: a
/// store that is kept alive keeps its rows from being removed.
final class Parcel<Value: Sendable>: Sendable {
  private let content: Mutex<Value?>

  init(_ value: Value) { content = Mutex(value) }

  /// *Precondition*: it was not taken before.
  func take() -> Value {
    guard let value = content.withLock({ $0.take() }) else {
      preconditionFailure("a parcel is taken twice")
    }
    return value
  }
}
