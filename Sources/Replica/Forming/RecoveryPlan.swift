public import Raft

/// What one directory holds of a store whose majority is lost for ever.
public struct Survivor: Hashable, Sendable {
  public var cluster: UInt64
  public var member: MemberID
  public var name: String
  public var term: Term
  /// The end of its log.
  public var last: EntryID
  /// Everything up to here is committed: only that is ever applied.
  public var applied: LogIndex
  /// The last configuration in its log.
  public var configuration: Configuration
  /// What the store was formed with.
  public var founding: Founding

  public init(
    cluster: UInt64, member: MemberID, name: String, term: Term, last: EntryID,
    applied: LogIndex, configuration: Configuration, founding: Founding = .unknown
  ) {
    self.cluster = cluster
    self.member = member
    self.name = name
    self.term = term
    self.last = last
    self.applied = applied
    self.configuration = configuration
    self.founding = founding
  }
}

/// Why there is nothing to recover. Each has one sentence for people.
public enum RecoveryRefusal: Error, Hashable, Sendable {
  case nobody
  case otherCluster(String, String)
  case sameMember(String)
  /// These voters of all are enough: the store goes on by itself.
  case majorityIsThere(heard: Int, voters: Int)
  case isAlone(String)
}

/// How a store goes on from what is left of it: with one member, the one whose log is furthest.
///
/// Of all directories it is the one whose last entry has the highest term, then index (Raft
/// §5.4.1). An entry that another directory holds and this one does not was never committed:
/// whoever led the later term had every committed entry before its own, and so has this log.
public struct RecoveryPlan: Hashable, Sendable {
  /// The position of the survivor that goes on.
  public let chosen: Int
  /// Voters and learners without a directory here, by id: they can never come back.
  public let lost: [Configuration.Member]
  /// The other survivors: they come back as new members, with empty directories.
  public let retired: [Configuration.Member]
  public let voters: Int
  /// Up to here entries were surely committed.
  public let committed: LogIndex
  /// What directories hold beyond the chosen log, by position; it goes.
  public let discarded: [Discarded]
  /// What is to be written behind the chosen log, in a term of its own.
  public let entry: Entry
  public let hardState: HardState
  /// What tells the store that goes on from the one that was lost.
  public let founding: Founding

  public struct Discarded: Hashable, Sendable {
    public var survivor: Int
    public var entries: ClosedRange<UInt64>
  }

  /// `incarnation`: freshly drawn for the survivor that goes on.
  ///
  /// *Throws* why not.
  public init(
    _ survivors: [Survivor], incarnation: Incarnation
  ) throws(RecoveryRefusal) {
    guard let first = survivors.first else { throw .nobody }
    for (place, survivor) in survivors.enumerated() {
      guard survivor.cluster == first.cluster else {
        throw .otherCluster(first.name, survivor.name)
      }
      guard !survivors[..<place].contains(where: { $0.member == survivor.member }) else {
        throw .sameMember(survivor.name)
      }
    }
    let chosen = survivors.indices.max { left, right in
      let (one, other) = (survivors[left], survivors[right])
      return one.last == other.last ? one.member > other.member : one.last < other.last
    }!
    let best = survivors[chosen]
    let quorum = Quorum(best.configuration)
    func isHere(_ member: MemberID) -> Bool { survivors.contains { $0.member == member } }
    if best.configuration.members.map(\.id) == [best.member] { throw .isAlone(best.name) }
    let voters = best.configuration.members.filter { quorum.contains($0.id) }
    if quorum.isReached(where: isHere) {
      throw .majorityIsThere(
        heard: voters.filter { isHere($0.id) }.count, voters: voters.count)
    }
    self.chosen = chosen
    self.voters = voters.count
    lost = best.configuration.members.filter { !isHere($0.id) }
    retired = best.configuration.members.filter { isHere($0.id) && $0.id != best.member }
    committed = survivors.map(\.applied).max() ?? .zero
    discarded = survivors.indices.compactMap { place in
      let end = survivors[place].last.index
      guard end > best.last.index else { return nil }
      return Discarded(
        survivor: place, entries: best.last.index.number + 1...end.number)
    }
    let term = Term((survivors.map(\.term.number).max() ?? 0) + 1)
    let own = best.configuration.members.first { $0.id == best.member }
    entry = Entry(
      id: EntryID(term: term, index: best.last.index.next),
      content: .configuration(
        Configuration(members: [
          Configuration.Member(
            id: best.member, incarnation: incarnation, role: .voter,
            name: own?.name ?? best.name, peerURLs: own?.peerURLs ?? ["http://localhost:2380"])
        ])))
    hardState = HardState(currentTerm: term)
    founding = best.founding.goingOn(as: incarnation)
  }
}

extension RecoveryRefusal {
  public var sentence: String {
    switch self {
    case .nobody: "no data directory was given"
    case .otherCluster(let one, let other):
      "\(one) and \(other) are members of different stores"
    case .sameMember(let name): "two directories are of the same member, \(name): give one of them"
    case .majorityIsThere(let heard, let voters):
      "\(heard) of \(voters) voters are a majority: start them, and the store goes on without loss"
    case .isAlone(let name): "\(name) is the only member of its store: start it"
    }
  }
}
