/// A value on its way to another thread.
///
/// Protected by being given away: whoever wraps it does not touch it again.
struct Handover<Value>: @unchecked Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}
