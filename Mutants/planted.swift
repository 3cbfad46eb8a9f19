// `Scripts/plant` lays this into its copy of the sources, as the module `Mutants`.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Whether this process does without the rule that the mutant breaks. The environment of a process
/// names one mutant or none.
public func planted(_ id: StaticString) -> Bool {
  id.utf8CodeUnitCount == chosen.count
    && memcmp(id.utf8Start, chosen.baseAddress!, chosen.count) == 0
}

/// The id of the mutant, read once and kept for ever; empty: none. *Precondition*: the variable is
/// unset, empty or names a mutant.
private nonisolated(unsafe) let chosen: UnsafeBufferPointer<UInt8> = {
  let name = getenv("QUORATE_MUTANT").map { String(cString: $0) } ?? ""
  precondition(
    name.isEmpty || known.contains(name), "QUORATE_MUTANT=\(name) names no mutant")
  let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
  _ = bytes.initialize(from: name.utf8)
  return UnsafeBufferPointer(bytes)
}()
