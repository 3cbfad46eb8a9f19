import Base
import Raft

/// Raft's quantities in frames, with bounds on numbers that are counted on, so that no peer can
/// make a member's arithmetic overflow.
extension ByteWriter {
  mutating func write(_ term: Term) { write(term.number) }

  mutating func write(_ index: LogIndex) { write(index.number) }

  mutating func write(_ instant: Instant) { write(UInt64(bitPattern: instant.nanoseconds)) }
}

extension ByteReader {
  /// Terms and indexes stay below; at a million a second it takes 146,000 years to get there.
  private static let limit: UInt64 = 1 << 62

  mutating func readTerm() throws(CodingError) -> Term {
    Term(try bounded(try readUInt64()))
  }

  mutating func readLogIndex() throws(CodingError) -> LogIndex {
    LogIndex(try bounded(try readUInt64()))
  }

  mutating func readEntryID() throws(CodingError) -> EntryID {
    let term = try readTerm()
    return EntryID(term: term, index: try readLogIndex())
  }

  /// Not before zero, which no clock of ours shows.
  mutating func readInstant() throws(CodingError) -> Instant {
    Instant(nanoseconds: Int64(try bounded(try readUInt64())))
  }

  /// A member; zero is nobody and never meant.
  mutating func readMemberID() throws(CodingError) -> MemberID {
    let number = try readUInt64()
    guard number != 0 else { throw .malformed(field: "member") }
    return MemberID(number)
  }

  mutating func readBase() throws(CodingError) -> LogBase {
    let base = try LogBase(from: &self)
    _ = try bounded(base.last.term.number)
    _ = try bounded(base.last.index.number)
    return base
  }

  private func bounded(_ number: UInt64) throws(CodingError) -> UInt64 {
    guard number < Self.limit else { throw .malformed(field: "number") }
    return number
  }
}
