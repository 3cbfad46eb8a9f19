public import EtcdAPI
import Foundation
public import KeyValue
public import Replica
import Raft

/// The service `etcdserverpb.Maintenance`, as far as it asks one member about itself.
public enum MaintenanceService {
  /// What a member knows of its files and of its store.
  public struct StoreFacts: Sendable {
    /// The state that is served: whoever was answered finds in it what he has done, which the
    /// replica hears of a little later.
    public var meta: StateMeta
    /// Bytes of the state files on disk, and how many of them hold something.
    public var sizeBytes: Int64
    public var usedBytes: Int64

    public init(meta: StateMeta, sizeBytes: Int64, usedBytes: Int64) {
      self.meta = meta
      self.sizeBytes = sizeBytes
      self.usedBytes = usedBytes
    }
  }

  /// The answer to `Status`. It asks nobody: a member that is cut off answers too, and tells it in
  /// `errors` (etcd maintenance.go `Status`).
  public static func status(
    _ status: ReplicaStatus, _ store: StoreFacts, version: String, _ header: AnswerHeader
  ) -> EtcdStatusResponse {
    .make {
      $0.header = header.message(revision: store.meta.revision)
      $0.version = version
      $0.dbSize = store.sizeBytes
      $0.dbSizeInUse = store.usedBytes
      $0.leader = status.leader?.number ?? 0
      $0.raftIndex = max(status.commitIndex.number, store.meta.appliedIndex)
      $0.raftTerm = status.term.number
      $0.raftAppliedIndex = store.meta.appliedIndex
      $0.isLearner = isLearner(status)
      $0.errors = errors(status, store.meta.alarms)
    }
  }

  /// The revision that a `HashKV` asks for; zero: the newest.
  public static func hashRevision(body: [UInt8]) throws(EtcdStatus) -> Int64 {
    let request: EtcdHashKVRequest = try decoded(body)
    return request.revision
  }

  /// The answer to `HashKV`. `compactRevision` zero: nothing was compacted, etcd's −1.
  public static func hashKV(
    hash: UInt32, compactRevision: Int64, revision: Int64, _ header: AnswerHeader
  ) -> EtcdHashKVResponse {
    .make {
      $0.header = header.message(revision: revision)
      $0.hash = hash
      $0.compactRevision = compactRevision == 0 ? -1 : compactRevision
    }
  }

  /// The answer to `Hash`, which in etcd covers the whole file and here the whole state.
  public static func hash(
    _ hash: UInt32, revision: Int64, _ header: AnswerHeader
  ) -> EtcdHashResponse {
    .make {
      $0.header = header.message(revision: revision)
      $0.hash = hash
    }
  }

  /// One message of a snapshot's stream: `remaining` bytes of the file follow it. etcd leaves the
  /// header out.
  public static func snapshot(blob: [UInt8], remaining: UInt64) -> EtcdSnapshotResponse {
    .make {
      $0.remainingBytes = remaining
      $0.blob = Data(blob)
    }
  }

  private static func isLearner(_ status: ReplicaStatus) -> Bool {
    status.configuration.members.contains { $0.id == status.id && $0.role == .learner }
  }

  private static func errors(_ status: ReplicaStatus, _ alarms: [Alarm]) -> [String] {
    var errors: [String] = []
    if status.leader == nil { errors.append(EtcdStatus.noLeader.text) }
    switch status.pressure {
    case .noSpace: errors.append("NOSPACE: the disk of this member is nearly full")
    case .overlayFull, .none: break
    }
    errors += alarms.map { EtcdAlarmMember($0).goText }
    if status.isFenced {
      let place = status.fencedRevisions.map {
        ", in revisions \($0.lowerBound) to \($0.upperBound)"
      }
      errors.append("CORRUPT: this member's state is not that of the others" + (place ?? ""))
    }
    return errors
  }
}
