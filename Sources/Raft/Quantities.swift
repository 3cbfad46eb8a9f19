import Base

/// A logical clock: each term has at most one leader (Raft §5.1). Zero: before the first election.
public struct Term: Comparable, Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static let zero = Term(0)

  public var next: Term { Term(number + 1) }

  public static func < (left: Term, right: Term) -> Bool { left.number < right.number }
}

/// A slot of the log, counted from one (Raft §5.3). Zero: before the first entry.
public struct LogIndex: Comparable, Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static let zero = LogIndex(0)

  public var next: LogIndex { LogIndex(number + 1) }

  /// The slot before this one. *Precondition*: not zero.
  public var previous: LogIndex {
    demand(number > 0, "there is no slot before the first")
    return LogIndex(number - 1)
  }

  public static func < (left: LogIndex, right: LogIndex) -> Bool { left.number < right.number }
}

/// Names one entry for ever: two entries with equal ids are equal (Log Matching, Raft §5.3).
///
/// Ordered by term, then index: that *is* "at least as up-to-date" (Raft §5.4.1).
public struct EntryID: Comparable, Hashable, Sendable {
  public let term: Term
  public let index: LogIndex

  public init(term: Term, index: LogIndex) {
    self.term = term
    self.index = index
  }

  public static let zero = EntryID(term: .zero, index: .zero)

  public static func < (left: EntryID, right: EntryID) -> Bool {
    left.term == right.term ? left.index < right.index : left.term < right.term
  }
}

/// One member of the store, for its whole life. Zero is nobody.
public struct MemberID: Comparable, Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static func < (left: MemberID, right: MemberID) -> Bool { left.number < right.number }
}

/// One data directory of a member, drawn at random when the directory is made.
///
/// A wiped member comes back with another incarnation, so it can never vote under the identity
/// whose promises it has forgotten. Zero: not known yet.
public struct Incarnation: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static let unknown = Incarnation(0)
}

/// One run of a member's process. What was meant for an earlier boot is dropped.
public struct Boot: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }
}
