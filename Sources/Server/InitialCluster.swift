/// The members that found a cluster, as `--initial-cluster` names them (`n1=http://…,n2=http://…`).
public struct InitialCluster: Equatable, Sendable {
  public struct Member: Equatable, Sendable {
    public var name: String
    /// Never empty; sorted as text.
    public var peerURLs: [MemberURL]
  }

  /// How many members a cluster may have.
  public static let sizes = 1...7

  /// Sorted by name.
  public let members: [Member]

  /// Reads the flag's value. A name that stands twice has several URLs, as in etcd.
  ///
  /// *Throws* `ServerExit.badFlags` for a value that cannot be read or names a URL twice.
  public init(parsing text: String) throws(ServerExit) {
    let flag = "--initial-cluster"
    var members: [Member] = []
    var known: Set<MemberURL> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: "="), equals > part.startIndex else {
        throw .badFlags("\(flag): \"\(part)\" is not name=http://host:port")
      }
      let name = String(part[..<equals])
      let url = try MemberURL(parsing: String(part[part.index(after: equals)...]), flag: flag)
      guard known.insert(url).inserted else {
        throw .badFlags("\(flag): \(url) stands there twice")
      }
      if let index = members.firstIndex(where: { $0.name == name }) {
        members[index].peerURLs.append(url)
      } else {
        members.append(Member(name: name, peerURLs: [url]))
      }
    }
    guard Self.sizes.contains(members.count) else {
      throw .badFlags("\(flag): a cluster has 1 to 7 members, not \(members.count)")
    }
    for index in members.indices {
      members[index].peerURLs.sort { $0.description < $1.description }
    }
    self.members = members.sorted { $0.name < $1.name }
  }

  /// A warning for a size that bears no more losses than one member less would; `nil`: odd.
  public var warning: String? {
    let count = members.count
    guard count.isMultiple(of: 2) else { return nil }
    return "\(count) members bear the loss of \((count - 1) / 2), as \(count - 1) do: "
      + "an even size only makes a majority harder to reach"
  }
}
