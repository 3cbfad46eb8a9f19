/// Why nobody here can say what became of a request that may be in a log.
public enum Doubt: Hashable, Sendable {
  /// Its deadline came before its result.
  case late
  /// This member has lost the quorum while the request was under way, and with it whoever could
  /// tell (Docs/Consistency.md, *Writes*).
  case inquorate(QuorumView)
  /// The log that would show it is inside a snapshot that this member has moved to.
  case insideSnapshot
}
