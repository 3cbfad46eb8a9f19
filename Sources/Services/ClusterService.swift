public import EtcdAPI
public import Raft
public import Replica

/// The service `etcdserverpb.Cluster` without its sockets (etcd api/v3rpc/member.go).
public enum ClusterService {
  /// What a client wants beside etcd's request, from its metadata (`QuorateMetadata`).
  public struct Extras: Hashable, Sendable {
    public var autoPromote: String?
    public var spareDelay: String?
    public var replaces: String?

    public init(autoPromote: String? = nil, spareDelay: String? = nil, replaces: String? = nil) {
      self.autoPromote = autoPromote
      self.spareDelay = spareDelay
      self.replaces = replaces
    }
  }

  /// Which of the calls an answer is for.
  public enum Call: Hashable, Sendable {
    /// The member that was added.
    case add(MemberID)
    case remove, update, promote
  }

  // MARK: Requests

  /// Whether a `MemberList` wants the members as of now (etcd 3.5: the default of its clients), or
  /// as this member knows them.
  public static func isLinearizable(body: [UInt8]) throws(EtcdStatus) -> Bool {
    let request: EtcdMemberListRequest = try decoded(body)
    return request.linearizable
  }

  /// `freshID`: drawn by who asks; ids are never given twice.
  public static func add(
    body: [UInt8], _ extras: Extras, freshID: MemberID
  ) throws(EtcdStatus) -> ConfigurationChange {
    let request: EtcdMemberAddRequest = try decoded(body)
    let urls = try peerURLs(request.peerUrls)
    let prospect = try prospect(isLearner: request.isLearner, extras)
    return .addLearner(
      Configuration.Member(
        id: freshID, incarnation: .unknown, role: .learner, prospect: prospect, name: "",
        peerURLs: urls))
  }

  private static func prospect(
    isLearner: Bool, _ extras: Extras
  ) throws(EtcdStatus) -> Configuration.Prospect {
    if let text = extras.replaces {
      guard let number = UInt64(text, radix: 16), number != 0 else {
        throw EtcdStatus(.invalidArgument, "quorate: \(QuorateMetadata.replaces) is no member id")
      }
      return .successor(of: MemberID(number))
    }
    if let text = extras.spareDelay {
      guard let milliseconds = Int64(text), (0...Self.spareDelayLimit).contains(milliseconds) else {
        throw EtcdStatus(
          .invalidArgument, "quorate: \(QuorateMetadata.spareDelay) is no time in milliseconds")
      }
      return .spare(after: .milliseconds(milliseconds))
    }
    return !isLearner || extras.autoPromote == "true" ? .voter : .none
  }

  /// A year.
  private static let spareDelayLimit: Int64 = 366 * 86_400_000

  public static func remove(body: [UInt8]) throws(EtcdStatus) -> ConfigurationChange {
    let request: EtcdMemberRemoveRequest = try decoded(body)
    return .remove(try member(request.id))
  }

  public static func update(body: [UInt8]) throws(EtcdStatus) -> ConfigurationChange {
    let request: EtcdMemberUpdateRequest = try decoded(body)
    // etcd 3.5.1 takes any text here, and every member ends when it dials it.
    let urls = try peerURLs(request.peerUrls)
    return .update(try member(request.id), peerURLs: urls)
  }

  public static func promote(body: [UInt8]) throws(EtcdStatus) -> ConfigurationChange {
    let request: EtcdMemberPromoteRequest = try decoded(body)
    return .promote(try member(request.id))
  }

  /// Whom leadership is to go to. Zero is nobody, and refused as any other that is no voter.
  public static func leaderTarget(body: [UInt8]) throws(EtcdStatus) -> MemberID {
    let request: EtcdMoveLeaderRequest = try decoded(body)
    return MemberID(request.targetID)
  }

  private static func member(_ id: UInt64) throws(EtcdStatus) -> MemberID {
    guard id != 0 else { throw .memberNotFound }
    return MemberID(id)
  }

  /// Sorted, as etcd keeps them. *Throws* `badMemberURLs`.
  static func peerURLs(_ texts: [String]) throws(EtcdStatus) -> [String] {
    guard !texts.isEmpty else { throw .badMemberURLs }
    var urls: [String] = []
    for text in texts {
      guard let url = PeerURL(text) else { throw .badMemberURLs }
      urls.append(url.text)
    }
    return urls.sorted()
  }

  // MARK: Answers

  /// The answer to `MemberList`; of no revision, as in etcd.
  public static func memberList(
    _ members: MemberDirectory, _ header: AnswerHeader
  ) -> EtcdMemberListResponse {
    .make {
      $0.header = header.message(revision: 0)
      $0.members = messages(members)
    }
  }

  /// The members after the change.
  public static func answer(
    to call: Call, _ members: MemberDirectory, _ header: AnswerHeader
  ) -> [UInt8] {
    let (head, all) = (header.message(revision: 0), messages(members))
    return switch call {
    case .add(let id):
      EtcdMemberAddResponse.make {
        $0.header = head
        if let member = all.first(where: { $0.id == id.number }) { $0.member = member }
        $0.members = all
      }.encodedBytes
    case .remove:
      EtcdMemberRemoveResponse.make {
        $0.header = head
        $0.members = all
      }.encodedBytes
    case .update:
      EtcdMemberUpdateResponse.make {
        $0.header = head
        $0.members = all
      }.encodedBytes
    case .promote:
      EtcdMemberPromoteResponse.make {
        $0.header = head
        $0.members = all
      }.encodedBytes
    }
  }

  /// Empty: etcd fills in no header here.
  public static let leaderMoved = EtcdMoveLeaderResponse()

  private static func messages(_ members: MemberDirectory) -> [EtcdMember] {
    members.entries.map { entry in
      .make {
        $0.id = entry.id.number
        $0.name = entry.name
        $0.peerUrls = entry.peerURLs
        $0.clientUrls = entry.clientURLs
        $0.isLearner = entry.isLearner
      }
    }
  }
}

/// Where a member may be reached: `http://host:port`, the host a name, an IPv4 address, or an IPv6
/// address in brackets (etcd pkg/types/urls.go; there is no TLS yet).
struct PeerURL: Hashable, Sendable {
  let text: String

  init?(_ text: String) {
    let trimmed = text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
    let url = String(trimmed)
    guard url.hasPrefix("http://") else { return nil }
    let rest = url.dropFirst("http://".count)
    guard let colon = rest.lastIndex(of: ":") else { return nil }
    let digits = rest[rest.index(after: colon)...]
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits), port > 0
    else { return nil }
    let host = rest[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
    let isPlain = !host.isEmpty && host.allSatisfy(Self.isNameCharacter)
    guard isPlain || isBracketed && host.dropFirst().dropLast().allSatisfy(Self.isAddressCharacter)
    else { return nil }
    self.text = url
  }

  private static func isNameCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "-._".contains(character))
  }

  private static func isAddressCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isHexDigit || ":.%".contains(character) || character.isLetter)
  }
}
