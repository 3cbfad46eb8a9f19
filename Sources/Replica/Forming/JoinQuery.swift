public import Raft

/// What a process that has no log yet asks the members of a store: who am I to you?
///
/// ```text
///   member add ──▶ configuration: id, URLs, no incarnation
///   the process ─ join query: my URLs ─▶ any member
///               ◀─ place: your id, and who the members are ─
///   makes its directory (draws its incarnation), shakes hands ─▶ the leader binds the incarnation
///               ◀─ only now: entries or a snapshot ─
/// ```
public struct JoinQuery: Hashable, Sendable {
  public var name: String
  /// Sorted.
  public var peerURLs: [String]
  /// It had a place and has lost its directory: it asks for a new place instead of the old one.
  public var wantsReplacement: Bool
  /// Whether the asker's build can read what the store was formed with.
  public var readsFounding: Bool

  public init(
    name: String, peerURLs: [String], wantsReplacement: Bool, readsFounding: Bool = true
  ) {
    self.name = name
    self.readsFounding = readsFounding
    self.peerURLs = peerURLs.sorted()
    self.wantsReplacement = wantsReplacement
  }
}

/// What one member says to a join query, by what is committed as far as it knows.
public enum JoinAnswer: Hashable, Sendable {
  /// Nobody has come to this place yet: take it.
  case place(Place)
  /// This member is reached there, and was met with a data directory.
  case taken(MemberID)
  /// Nobody is reached there.
  case unknown
  /// The member that was asked has no configuration itself.
  case notFormed
}

/// A member's place in a store, for who takes it.
public struct Place: Hashable, Sendable {
  public var cluster: ClusterID
  public var member: MemberID
  /// The members as of now. A log begins with them; what it brings outweighs them.
  public var configuration: Configuration
  /// Of the store that is joined.
  public var founding: Founding

  public init(
    cluster: ClusterID, member: MemberID, configuration: Configuration,
    founding: Founding = .unknown
  ) {
    self.cluster = cluster
    self.member = member
    self.configuration = configuration
    self.founding = founding
  }

  /// How the log of who takes the place begins: with nothing, and the members as of now.
  public var formation: Formation {
    Formation(base: LogBase(last: .zero, configuration: configuration), founding: founding)
  }
}

extension JoinQuery {
  /// The member that this configuration has at the asker's addresses. A place that is free goes
  /// before one that is taken: it may be meant to follow on it.
  func answer(
    by configuration: Configuration, in cluster: ClusterID, _ founding: Founding
  ) -> JoinAnswer {
    let own = configuration.members.filter { $0.peerURLs.sorted() == peerURLs }
    if let place = own.first(where: { $0.incarnation == .unknown }) {
      return .place(
        Place(
          cluster: cluster, member: place.id, configuration: configuration,
          founding: readsFounding ? founding : .unknown))
    }
    return own.first.map { .taken($0.id) } ?? .unknown
  }
}
