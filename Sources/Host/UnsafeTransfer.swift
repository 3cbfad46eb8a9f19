/// A value on its way to another thread.
///
/// Protected by being given away: whoever wraps it does not touch it again.
package struct UnsafeTransfer<Value>: @unchecked Sendable {
  package let value: Value

  package init(_ value: Value) { self.value = value }
}
