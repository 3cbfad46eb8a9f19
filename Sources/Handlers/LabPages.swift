import Base
import FaultyStorage
import Host
import KeyValue
import Foundation
import Raft
import Replica
import Services
import Storage
import Transport

/// What `GET /lab/status` says (Docs/LabProtocol.md). No field is ever left out.
struct LabStatus: Encodable {
  struct Service: Encodable {
    var served: Bool
    var why: String?

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(served, forKey: .served)
      try container.encode(why, forKey: .why)
    }

    enum Keys: CodingKey { case served, why }
  }

  /// A serializable read, and the age of what it would show.
  struct AgedService: Encodable {
    var service: Service
    var ageMilliseconds: Int64?

    func encode(to encoder: any Encoder) throws {
      try service.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(ageMilliseconds, forKey: .ageMilliseconds)
    }

    enum Keys: CodingKey { case ageMilliseconds }
  }

  struct Services: Encodable {
    var write: Service
    var linearizable: Service
    var serializable: AgedService
  }

  struct Link: Encodable {
    var peer: String
    var name: String
    var peerURLs: [String]
    var session: Bool
    var send: String
    var receive: String
  }

  var name: String
  var member: String
  var cluster: String
  var pid: Int32
  var version = Version.quorate
  var phase: String
  var role = "none"
  var term: UInt64 = 0
  var leader: String?
  var commit: UInt64 = 0
  var applied: UInt64
  var durableApplied: UInt64 = 0
  var revision: Int64
  var hash: String
  var policy: String
  var quorate = false
  var R = 0
  var N: Int
  var missing: [String]
  var serves: Services
  var links: [Link]
  /// Of this process: a start begins with a sound one.
  var disk = ""

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(name, forKey: .name)
    try container.encode(member, forKey: .member)
    try container.encode(cluster, forKey: .cluster)
    try container.encode(pid, forKey: .pid)
    try container.encode(version, forKey: .version)
    try container.encode(phase, forKey: .phase)
    try container.encode(role, forKey: .role)
    try container.encode(term, forKey: .term)
    // `encode` and not `encodeIfPresent`: a missing leader is null.
    try container.encode(leader, forKey: .leader)
    try container.encode(commit, forKey: .commit)
    try container.encode(applied, forKey: .applied)
    try container.encode(durableApplied, forKey: .durableApplied)
    try container.encode(revision, forKey: .revision)
    try container.encode(hash, forKey: .hash)
    try container.encode(policy, forKey: .policy)
    try container.encode(quorate, forKey: .quorate)
    try container.encode(R, forKey: .R)
    try container.encode(N, forKey: .N)
    try container.encode(missing, forKey: .missing)
    try container.encode(serves, forKey: .serves)
    try container.encode(links, forKey: .links)
    try container.encode(disk, forKey: .disk)
  }

  enum Keys: CodingKey {
    case name, member, cluster, pid, version, phase, role, term, leader, commit, applied
    case durableApplied, revision, hash, policy, quorate, R, N, missing, serves, links, disk
  }
}

extension LabStatus {
  init(_ report: MemberReport, _ context: ClientContext) {
    let meta = context.published.meta
    let members = context.published.view.members
    let lanes = meta.digest.lanes
    func service(_ service: ReplicaStatus.Service) -> Service {
      switch service {
      case .serves: Service(served: true)
      case .refuses(let refusal):
        Service(served: false, why: FailedAnswer.evidence(refusal, members))
      }
    }
    let unserved = service(.refuses(report.idle))
    let isServingOld = report.phase == .quarantined
    self.init(
      name: context.settings.name, member: MemberReport.hexadecimal(context.me.number),
      cluster: MemberReport.hexadecimal(context.published.answerer.cluster),
      pid: ProcessInfo.processInfo.processIdentifier, phase: report.phase.rawValue,
      applied: meta.appliedIndex, revision: meta.revision,
      hash: [lanes.0, lanes.1, lanes.2, lanes.3].map(MemberReport.hexadecimal).joined(),
      policy: context.settings.replica.quorumPolicy.flagValue,
      N: context.settings.founders,
      missing: report.gaps.map { MemberReport.hexadecimal($0.member.number) },
      serves: Services(
        write: unserved, linearizable: unserved,
        serializable: AgedService(
          service: isServingOld ? service(.serves) : unserved, ageMilliseconds: nil)),
      links: report.links.map { Link($0) })
    guard let status = report.status else { return }
    let isLearner = status.configuration.members.contains {
      $0.id == status.id && $0.role == .learner
    }
    role = isLearner ? "learner" : "\(status.role)"
    term = status.term.number
    leader = status.leader.map { MemberReport.hexadecimal($0.number) }
    commit = status.commitIndex.number
    durableApplied = report.durableApplied.number
    quorate = status.quorum.isQuorate
    R = status.quorum.current.heard
    N = status.quorum.current.voters
    missing = status.quorum.missing.map { MemberReport.hexadecimal($0.number) }
    serves = Services(
      write: service(status.write), linearizable: service(status.linearizableRead),
      serializable: AgedService(
        service: service(status.serializableRead),
        ageMilliseconds: status.age.map(\.milliseconds)))
  }
}

extension LabStatus.Link {
  init(_ link: LinkReport) {
    self.init(
      peer: MemberReport.hexadecimal(link.peer.number), name: link.name, peerURLs: link.peerURLs,
      session: link.hasSession, send: link.link.send.rawValue,
      receive: link.link.receive.rawValue)
  }
}

/// The order that `POST /lab/links` takes.
struct LinkPage: Decodable {
  struct Link: Decodable {
    /// A member's name or id, or `*` for all others.
    var peer: String
    /// `nil`: stays as it is.
    var send: String?
    var receive: String?
  }

  var links: [Link]

  var order: LinkOrder {
    get throws(LinkOrderError) {
      var order = LinkOrder(wishes: [])
      for link in links {
        order.wishes.append(
          LinkOrder.Wish(
            peer: link.peer, send: try Self.state(link.send),
            receive: try Self.state(link.receive)))
      }
      return order
    }
  }

  private static func state(_ text: String?) throws(LinkOrderError) -> Transport.Link.State? {
    guard let text else { return nil }
    guard let state = Transport.Link.State(rawValue: text) else {
      throw LinkOrderError(sentence: "\(text) is not open, silent or reset")
    }
    return state
  }
}

/// The order that `POST /lab/disk` takes.
struct DiskOrder: Decodable {
  var disk: String
  /// Of a slow one, for each sync.
  var milliseconds: Int?

  /// `nil`: there is no such condition.
  var condition: DiskCondition? {
    switch (disk, milliseconds) {
    case ("sound", nil): .sound
    case ("slow", let milliseconds?) where (1...60_000).contains(milliseconds):
      .slow(milliseconds: milliseconds)
    case ("nearly-full", nil): .nearlyFull
    case ("full", nil): .full
    case ("failing", nil): .failing
    default: nil
    }
  }
}
