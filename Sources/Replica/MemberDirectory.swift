public import Raft

/// The members as clients know them: names and addresses for answers and for advice.
public struct MemberDirectory: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    public var id: MemberID
    /// Empty: added, but never started.
    public var name: String
    public var peerURLs: [String]
    /// Empty while the member has not said where it listens.
    public var clientURLs: [String]
    public var isLearner: Bool

    public init(
      id: MemberID, name: String, peerURLs: [String], clientURLs: [String], isLearner: Bool
    ) {
      self.id = id
      self.name = name
      self.peerURLs = peerURLs
      self.clientURLs = clientURLs
      self.isLearner = isLearner
    }
  }

  /// Sorted by id.
  public let entries: [Entry]

  public init(_ entries: [Entry]) { self.entries = entries.sorted { $0.id < $1.id } }

  /// The members of a configuration; `clientURLs`: those that were heard of since.
  public init(_ configuration: Configuration, clientURLs: [MemberID: [String]]) {
    self.init(
      configuration.members.map { member in
        Entry(
          id: member.id, name: member.name, peerURLs: member.peerURLs,
          clientURLs: clientURLs[member.id] ?? member.clientURLs,
          isLearner: !member.isMeantToVote)
      })
  }

  public func without(_ id: MemberID) -> MemberDirectory {
    MemberDirectory(entries.filter { $0.id != id })
  }

  /// `nil`: none is known by that id.
  public func entry(_ id: MemberID) -> Entry? { entries.first { $0.id == id } }
}
