import Foundation

/// What a member says of itself at `/lab/status` (Docs/LabProtocol.md).
public struct MemberPage: Codable, Hashable, Sendable {
  public struct Service: Codable, Hashable, Sendable {
    public var served: Bool
    /// The sentence of the refusal; `nil`: served.
    public var why: String?
    /// Of a serializable answer: never below its true age; `nil`: not known.
    public var ageMilliseconds: Int?
  }

  public struct Services: Codable, Hashable, Sendable {
    public var write: Service
    public var linearizable: Service
    public var serializable: Service
  }

  public struct Link: Codable, Hashable, Sendable {
    public var peer: String
    public var name: String
    public var session: Bool
    /// `open`, `silent` or `reset`.
    public var send: String
    public var receive: String
  }

  public var name: String
  public var member: String
  public var phase: String
  public var role: String
  public var term: UInt64
  public var leader: String?
  public var commit: UInt64
  public var applied: UInt64
  public var revision: Int64
  /// Of the state at `applied`.
  public var hash: String
  public var policy: String
  public var quorate: Bool
  /// Voters heard within an election timeout, this member included if it votes.
  public var heard: Int
  public var voters: Int
  public var missing: [String]
  public var serves: Services
  public var links: [Link]
  /// In words.
  public var disk: String

  enum CodingKeys: String, CodingKey {
    case name, member, phase, role, term, leader, commit, applied, revision, hash, policy
    case quorate, missing, serves, links, disk
    case heard = "R"
    case voters = "N"
  }
}

/// The order at `/lab/links` (Docs/LabProtocol.md).
struct LinkOrders: Codable, Hashable {
  struct Link: Codable, Hashable {
    var peer: String
    var send: String
    var receive: String
  }

  var links: [Link]

  /// What `member` must do so that exactly the links of `partition` are cut.
  init(of partition: Partition, for member: LabRecord.Member, among members: [LabRecord.Member]) {
    links = members.filter { $0.number != member.number }.map { peer in
      let isCut = { (from: MemberNumber, to: MemberNumber) in
        partition.cuts.contains(Direction(from: from, to: to))
      }
      return Link(
        peer: peer.name,
        send: isCut(member.number, peer.number) ? partition.manner.rawValue : "open",
        receive: isCut(peer.number, member.number) ? partition.manner.rawValue : "open")
    }
  }

  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // A structure of strings always encodes.
    return String(decoding: try! encoder.encode(self), as: UTF8.self)
  }
}

extension LabRecord.Member {
  var clientPort: UInt16 { UInt16(clientURL.split(separator: ":").last ?? "") ?? 0 }
}
