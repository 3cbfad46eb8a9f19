import Synchronization

/// Knows something that comes into being after it: threads that hand work to each other are
/// started one after the other. It does not keep alive what it knows.
final class Late<Value: AnyObject & Sendable>: Sendable {
  private struct Reference { weak var value: Value? }

  private let reference = Mutex(Reference())

  var value: Value? {
    get { reference.withLock { $0.value } }
    set { reference.withLock { $0.value = newValue } }
  }
}
