import Raft
import Base
public import EtcdAPI
import Foundation
import KeyValue
public import Replica

/// The service `etcdserverpb.Lease` without its sockets (etcd api/v3rpc/lease.go).
public struct LeaseService: Hashable, Sendable {
  /// The longest lease, in seconds (etcd lease/lessor.go MaxLeaseTTL).
  public static let longestTTL: Int64 = 9_000_000_000

  /// Shorter leases are granted this many seconds: they could not outlive an election.
  public var shortestTTL: Int64

  public init(shortestTTL: Int64) { self.shortestTTL = shortestTTL }

  /// A lease must outlive one and a half election timeouts, in whole seconds (etcd server.go
  /// NewServer, minTTL).
  public static func shortestTTL(_ settings: ReplicaSettings) -> Int64 {
    let heartbeat = settings.raft.heartbeatInterval.nanoseconds
    let ticks = settings.raft.electionTimeout.nanoseconds / max(heartbeat, 1)
    let shortest = Duration.nanoseconds(3 * ticks / 2 * heartbeat).components
    return max(1, shortest.seconds + (shortest.attoseconds > 0 ? 1 : 0))
  }

  /// What is asked about one lease.
  public struct Question: Hashable, Sendable {
    public var id: Int64
    /// With the keys that hang on it.
    public var wantsKeys: Bool
  }

  // MARK: Requests

  /// `freshID`: for a client that leaves the choice to the server; never zero. `isSpaceShort`: an
  /// alarm is raised that refuses all grants, and etcd says that before it looks at the time.
  public func grant(
    body: [UInt8], freshID: Int64, isSpaceShort: Bool = false
  ) throws(EtcdStatus) -> ProposalPlan {
    precondition(freshID != 0, "no lease has the id zero")
    let message: EtcdLeaseGrantRequest = try decoded(body)
    if isSpaceShort { throw .noSpace }
    guard message.ttl <= Self.longestTTL else { throw .leaseTTLTooLarge }
    let id = message.id == 0 ? freshID : message.id
    return ProposalPlan(
      command: .lease(.grant(id: id, ttl: max(message.ttl, shortestTTL))))
  }

  public func revoke(body: [UInt8]) throws(EtcdStatus) -> ProposalPlan {
    let message: EtcdLeaseRevokeRequest = try decoded(body)
    return ProposalPlan(command: .lease(.revoke(id: message.id)))
  }

  /// One message of a stream of keep-alives.
  public func keepAlive(body: [UInt8]) throws(EtcdStatus) -> ProposalPlan {
    let message: EtcdLeaseKeepAliveRequest = try decoded(body)
    return ProposalPlan(command: .lease(.keepAlive(id: message.id)))
  }

  public func timeToLive(body: [UInt8]) throws(EtcdStatus) -> Question {
    let message: EtcdLeaseTimeToLiveRequest = try decoded(body)
    return Question(id: message.id, wantsKeys: message.keys)
  }

  // MARK: Answers

  /// `nil`: there is no such lease, which is no error (etcd lease.go LeaseTimeToLive).
  public static func timeToLive(
    _ id: Int64, _ time: (granted: Int64, left: Duration)?, keys: [[UInt8]], revision: Int64,
    _ header: AnswerHeader
  ) -> EtcdLeaseTimeToLiveResponse {
    .make {
      $0.header = header.message(revision: revision)
      $0.id = id
      guard let time else {
        $0.ttl = -1
        return
      }
      $0.ttl = max(0, time.left.components.seconds)
      $0.grantedTtl = time.granted
      $0.keys = keys.map { Data($0) }
    }
  }

  public static func leases(
    _ ids: [Int64], revision: Int64, _ header: AnswerHeader
  ) -> EtcdLeaseLeasesResponse {
    .make {
      $0.header = header.message(revision: revision)
      $0.leases = ids.map { id in .make { $0.id = id } }
    }
  }
}
