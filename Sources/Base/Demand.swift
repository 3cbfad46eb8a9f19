/// Stops the member with what was found, if the condition does not hold: `precondition`, but with
/// its words in release builds too, where that one stops without any.
///
/// The finding is put together only then, and outside of the caller's way.
@inlinable
@inline(__always)
package func demand(
  _ condition: @autoclosure () -> Bool, _ finding: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { stop(finding, file, line) }
}

@inline(never)
@usableFromInline
package func stop(_ finding: () -> String, _ file: StaticString, _ line: UInt) -> Never {
  fatalError(finding(), file: file, line: line)
}
