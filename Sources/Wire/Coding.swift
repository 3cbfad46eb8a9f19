import Raft

/// What Raft's coding lacks for the wire: flags, choices, and bounds on numbers that are counted
/// on, so that no peer can make a member's arithmetic overflow.
extension RaftCoding.Writer {
  mutating func write(_ flag: Bool) { write(flag ? 1 as UInt8 : 0) }

  mutating func write(_ term: Term) { write(term.number) }

  mutating func write(_ index: LogIndex) { write(index.number) }

  mutating func write(_ instant: Instant) { write(UInt64(bitPattern: instant.nanoseconds)) }

  /// A flag, then the value if there is one.
  mutating func write(_ number: UInt64?) {
    write(number != nil)
    if let number { write(number) }
  }
}

extension RaftCoding.Reader {
  /// Terms and indexes stay below; at a million a second it takes 146,000 years to get there.
  private static let limit: UInt64 = 1 << 62

  mutating func readFlag() throws(RaftCoding.Failure) -> Bool {
    switch try readUInt8() {
    case 0: return false
    case 1: return true
    case _: throw .malformed(field: "flag")
    }
  }

  mutating func readTerm() throws(RaftCoding.Failure) -> Term {
    Term(try bounded(try readUInt64()))
  }

  mutating func readLogIndex() throws(RaftCoding.Failure) -> LogIndex {
    LogIndex(try bounded(try readUInt64()))
  }

  mutating func readEntryID() throws(RaftCoding.Failure) -> EntryID {
    let term = try readTerm()
    return EntryID(term: term, index: try readLogIndex())
  }

  /// Not before zero, which no clock of ours shows.
  mutating func readInstant() throws(RaftCoding.Failure) -> Instant {
    Instant(nanoseconds: Int64(try bounded(try readUInt64())))
  }

  mutating func readOptional() throws(RaftCoding.Failure) -> UInt64? {
    try readFlag() ? try readUInt64() : nil
  }

  /// A member; zero is nobody and never meant.
  mutating func readMemberID() throws(RaftCoding.Failure) -> MemberID {
    let number = try readUInt64()
    guard number != 0 else { throw .malformed(field: "member") }
    return MemberID(number)
  }

  mutating func readBase() throws(RaftCoding.Failure) -> LogBase {
    let base = try LogBase(from: &self)
    _ = try bounded(base.last.term.number)
    _ = try bounded(base.last.index.number)
    return base
  }

  private func bounded(_ number: UInt64) throws(RaftCoding.Failure) -> UInt64 {
    guard number < Self.limit else { throw .malformed(field: "number") }
    return number
  }
}
