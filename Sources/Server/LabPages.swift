import Base
import FaultyStorage
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

  /// 16 lower-case hexadecimal digits.
  static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The order that `POST /lab/links` takes.
struct LinkOrder: Decodable {
  struct Link: Decodable {
    /// A member's name or id, or `*` for all others.
    var peer: String
    /// `nil`: stays as it is.
    var send: String?
    var receive: String?
  }

  var links: [Link]
}

/// Why an order was not carried out; one sentence.
struct LinkOrderError: Error {
  var sentence: String
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
