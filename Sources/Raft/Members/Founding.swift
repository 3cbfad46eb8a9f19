/// The data directories that a store was formed with. It tells a store from every other that was
/// formed under the same flags, and never changes.
///
/// All founders derive it from the list that each of them stated; who joins takes over that of the
/// store that it joins; a store that goes on after a recovery draws a new digest.
public struct Founding: Hashable, Sendable {
  /// Zero: unknown, because the directory is from before there was a digest.
  public var digest: UInt64
  /// The founders, sorted by member: the first base is built of them. Empty: nobody forms with this
  /// store any more.
  public var members: [KnownMember]

  public init(digest: UInt64, members: [KnownMember]) {
    self.digest = digest
    self.members = members
  }

  public static let unknown = Founding(digest: 0, members: [])

  public var isKnown: Bool { digest != 0 }

  /// Whether the two are surely of two stores. An unknown one contradicts nobody.
  public func contradicts(_ other: Founding) -> Bool {
    isKnown && other.isKnown && digest != other.digest
  }
}
