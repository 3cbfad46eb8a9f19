/// A box for what cannot be copied, on its way from one lane to another: whoever fills it lets go
/// of the value, and whoever gets it takes the value out once.
public final class TransferBox<Value>: @unchecked Sendable {
  // Protected by being given away: only the receiver of the letter touches it.
  private var value: Value?

  public init(_ value: consuming Value) { self.value = value }

  /// *Precondition*: it was not taken before.
  public func take() -> Value {
    guard let taken = value.take() else {
      preconditionFailure("a value in transfer is taken twice")
    }
    return taken
  }
}
