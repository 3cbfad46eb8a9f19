public import EtcdAPI

/// What becomes of a member that is added, beside what etcd knows; other servers do not read it.
public struct MemberWish: Hashable, Sendable {
  /// A learner that becomes a voter by itself once it has caught up.
  public var autoPromotes = false
  /// A hot spare: it takes the place of a voter that has been silent for so long.
  public var spareDelay: Duration?
  /// It takes the place of this member.
  public var replaces: UInt64?

  public init() {}

  var metadata: [(String, String)] {
    var metadata: [(String, String)] = []
    if autoPromotes { metadata.append((QuorateMetadata.autoPromote, "true")) }
    if let spareDelay {
      let (seconds, attoseconds) = spareDelay.components
      let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
      metadata.append((QuorateMetadata.spareDelay, String(milliseconds)))
    }
    if let replaces {
      metadata.append((QuorateMetadata.replaces, String(replaces, radix: 16)))
    }
    return metadata
  }
}

/// The service `etcdserverpb.Cluster`, as far as it changes something, and who leads.
extension EtcdClient {
  public func addMember(
    peerURLs: [String], isLearner: Bool = false, _ wish: MemberWish = MemberWish()
  ) async throws(ClientError) -> Reply<EtcdMemberAddResponse> {
    let request = EtcdMemberAddRequest.make {
      $0.peerUrls = peerURLs
      $0.isLearner = isLearner
    }
    return try await call(
      EtcdMethod.Cluster.memberAdd, request, .write, metadata: wish.metadata)
  }

  public func removeMember(
    _ id: UInt64
  ) async throws(ClientError) -> Reply<EtcdMemberRemoveResponse> {
    let request = EtcdMemberRemoveRequest.make { $0.id = id }
    return try await call(EtcdMethod.Cluster.memberRemove, request, .write)
  }

  public func updateMember(
    _ id: UInt64, peerURLs: [String]
  ) async throws(ClientError) -> Reply<EtcdMemberUpdateResponse> {
    let request = EtcdMemberUpdateRequest.make {
      $0.id = id
      $0.peerUrls = peerURLs
    }
    return try await call(EtcdMethod.Cluster.memberUpdate, request, .write)
  }

  public func promoteMember(
    _ id: UInt64
  ) async throws(ClientError) -> Reply<EtcdMemberPromoteResponse> {
    let request = EtcdMemberPromoteRequest.make { $0.id = id }
    return try await call(EtcdMethod.Cluster.memberPromote, request, .write)
  }

  /// Asks the leader, which must be the member at `endpoint`, to let this one lead.
  public func moveLeader(
    to id: UInt64, at endpoint: Endpoint
  ) async throws(ClientError) -> Reply<EtcdMoveLeaderResponse> {
    try await call(
      EtcdMethod.Maintenance.moveLeader, EtcdMoveLeaderRequest.make { $0.targetID = id },
      at: endpoint)
  }
}
