public import Raft

/// `--initial-cluster` and its token: who forms the cluster. Member ids and the cluster id follow
/// from it, so that members need not ask each other for them (etcd membership/cluster.go).
public struct InitialCluster: Hashable, Sendable {
  public struct Member: Hashable, Sendable {
    public let id: MemberID
    public let name: String
    /// Sorted, at least one.
    public let peerURLs: [String]
  }

  public enum Failure: Error, Hashable, Sendable {
    case noMembers
    case emptyName
    case duplicateName(String)
    case noPeerURL(name: String)
    case duplicatePeerURL(String)
    /// Two members' URLs give one id; another token parts them.
    case idCollision(String, String)
  }

  public let token: String
  /// Sorted by id.
  public let members: [Member]
  public let clusterID: ClusterID

  /// *Throws* what is wrong with the list.
  public init(
    token: String, members named: [(name: String, peerURLs: [String])]
  ) throws(Failure) {
    guard !named.isEmpty else { throw .noMembers }
    var members: [Member] = []
    var urls: [String] = []
    for (name, peerURLs) in named {
      guard !name.isEmpty else { throw .emptyName }
      guard !peerURLs.isEmpty else { throw .noPeerURL(name: name) }
      if members.contains(where: { $0.name == name }) { throw .duplicateName(name) }
      for url in peerURLs {
        if urls.contains(url) { throw .duplicatePeerURL(url) }
        urls.append(url)
      }
      let id = MemberID.derived(peerURLs: peerURLs, token: token)
      if let twin = members.first(where: { $0.id == id }) {
        throw .idCollision(twin.name, name)
      }
      members.append(Member(id: id, name: name, peerURLs: peerURLs.sorted()))
    }
    self.token = token
    self.members = members.sorted { $0.id < $1.id }
    var hash = StableHash()
    for member in self.members { hash.combine(member.id.number) }
    clusterID = ClusterID(hash.value)
  }

  public func member(named name: String) -> Member? { members.first { $0.name == name } }

  /// Covers ids, names and URLs; equal digests: the same list. Never zero.
  public var digest: UInt64 {
    var hash = StableHash()
    hash.combine(clusterID.number)
    for member in members {
      hash.combine(member.id.number)
      hash.combine(member.name)
      hash.combine(UInt64(member.peerURLs.count))
      for url in member.peerURLs { hash.combine(url) }
    }
    return hash.value
  }

  /// As above, of members that begin with a state from a snapshot file: all with the same one.
  public func digest(after origin: LogOrigin) -> UInt64 {
    guard origin != .nothing else { return digest }
    var hash = StableHash()
    hash.combine(digest)
    hash.combine(origin.last.term.number)
    hash.combine(origin.last.index.number)
    hash.combine(origin.digest)
    return hash.value
  }

  /// What tells a store of these data directories from any other. *Precondition*: as `firstBase`.
  public func founding(
    of incarnations: [KnownMember], after origin: LogOrigin = .nothing
  ) -> Founding {
    var hash = StableHash()
    hash.combine(digest(after: origin))
    for known in incarnations {
      hash.combine(known.id.number)
      hash.combine(known.incarnation.number)
    }
    return Founding(digest: hash.value, members: incarnations)
  }

  /// The first log base that every member of the cluster builds alike.
  /// *Precondition*: an incarnation for each member.
  public func firstBase(
    incarnations: [KnownMember], after origin: LogOrigin = .nothing
  ) -> LogBase {
    let members = self.members.map { member in
      guard let known = incarnations.first(where: { $0.id == member.id }),
        known.incarnation != .unknown
      else { fatalError("no incarnation of \(member.name) is known") }
      return Configuration.Member(
        id: member.id, incarnation: known.incarnation, role: .voter, name: member.name,
        peerURLs: member.peerURLs)
    }
    return LogBase(last: origin.last, configuration: Configuration(members: members))
  }
}

/// One store, for all its life. Zero is none.
public struct ClusterID: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }
}

extension MemberID {
  /// The id of the member that is reached at these URLs; the order does not matter. Never zero.
  public static func derived(peerURLs: [String], token: String) -> MemberID {
    var hash = StableHash()
    for url in peerURLs.sorted() { hash.combine(url) }
    hash.combine(token)
    return MemberID(hash.value)
  }
}

extension Founding {
  /// Of a store that goes on under a new incarnation of one member: nobody else is of it.
  func goingOn(as incarnation: Incarnation) -> Founding {
    var hash = StableHash()
    hash.combine(digest)
    hash.combine(incarnation.number)
    return Founding(digest: hash.value, members: [])
  }
}

/// FNV-1a, 64 bits, with a final mix: the same on every machine and in every version, as ids must
/// be. Not a defence against anyone who chooses the input.
struct StableHash {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func combine(_ text: String) {
    for byte in text.utf8 { combine(byte) }
    // No UTF-8 text holds 0xff, so two texts never run together.
    combine(UInt8.max)
  }

  mutating func combine(_ number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      combine(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  private mutating func combine(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
  }

  /// Never zero.
  var value: UInt64 {
    var mixed = state
    mixed = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
    mixed = (mixed ^ (mixed >> 33)) &* 0xc4ce_b9fe_1a85_ec53
    mixed ^= mixed >> 33
    return mixed == 0 ? 1 : mixed
  }
}
