public import EtcdAPI
import Raft

/// The service `etcdserverpb.Cluster`, as far as it only asks.
public enum ClusterService {
  /// Whether a `MemberList` wants the members as of now (etcd 3.5: the default of its clients), or
  /// as this member knows them.
  public static func isLinearizable(body: [UInt8]) throws(EtcdStatus) -> Bool {
    let request: EtcdMemberListRequest = try decoded(body)
    return request.linearizable
  }

  /// The answer to `MemberList`; of no revision, as in etcd.
  public static func memberList(
    _ members: MemberDirectory, _ header: AnswerHeader
  ) -> EtcdMemberListResponse {
    .make {
      $0.header = header.message(revision: 0)
      $0.members = members.entries.map { entry in
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
}
