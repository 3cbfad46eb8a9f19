public import EtcdAPI

/// Who answers, and in which term (etcd rpc.proto ResponseHeader). The revision is the answer's.
public struct AnswerHeader: Hashable, Sendable {
  public var cluster: UInt64
  public var member: UInt64
  public var raftTerm: UInt64

  public init(cluster: UInt64, member: UInt64, raftTerm: UInt64) {
    self.cluster = cluster
    self.member = member
    self.raftTerm = raftTerm
  }

  /// `revision` zero: the answer is of no revision (as in `MemberList`).
  public func message(revision: Int64) -> EtcdResponseHeader {
    .make {
      $0.clusterID = cluster
      $0.memberID = member
      $0.revision = revision
      $0.raftTerm = raftTerm
    }
  }
}
