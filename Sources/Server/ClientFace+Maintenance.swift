import KeyValue
import NIOCore
import EtcdAPI
import RPC
import Raft
import Replica
import Services

extension ClientFace {
  /// `Cluster.MemberList`: as of now, or as this member knows it.
  func memberList(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      let body = Array(call.message.readableBytesView)
      if try ClusterService.isLinearizable(body: body) {
        read(.memberList, .linearizable, call)
      } else {
        answerMemberList(call)
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  /// `Maintenance.Status`: asks nobody, so a member that is cut off answers as well.
  func status(_ call: UnaryCall) {
    let isTaken = door.errands.offer(
      .visit { [board] home in
        guard let status = home.replica?.status(at: MonotonicClock.now()) else {
          let refusal = Refusal(.notFormed(home.admission.gaps))
          return call.fail(FailedAnswer(refusal, members: board.view.members))
        }
        // Files are looked at once a second, pages after each flush.
        let used = max(board.usedBytes, 0)
        let size = max(board.fileBytes, used)
        let facts = MaintenanceService.StoreFacts(
          meta: board.meta, sizeBytes: size, usedBytes: used)
        let answer = MaintenanceService.status(
          status, facts, version: Version.etcd, board.header)
        call.answer(answer.encodedBytes)
      })
    if !isTaken { call.fail(RPCStatus(.tooManyRequests)) }
  }

  /// `Maintenance.Hash`: of the whole state at the applied index, whatever its revision.
  func hash(_ call: UnaryCall) {
    let meta = board.meta
    let hash = LiveHasher.fold(meta.stateDigest)
    call.answer(
      MaintenanceService.hash(hash, revision: meta.revision, board.header).encodedBytes)
  }

  /// `Maintenance.HashKV`: of what is alive at a revision; read from the files, piece by piece.
  func hashKV(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      let revision = try MaintenanceService.hashRevision(
        body: Array(call.message.readableBytesView))
      let waiter = Waiter(
        call: call, kind: .hashKV(revision: revision), arrived: MonotonicClock.now())
      if let root = board.root { return readRows(.hashKV(waiter, root, revision: revision)) }
      seek(waiter)
    } catch {
      call.fail(RPCStatus(error))
    }
  }
}

/// What this program is, and which etcd it behaves like.
public enum Version {
  public static let quorate = "0.1.0"
  /// Clients that ask for a version are told the etcd whose API this is.
  public static let etcd = "3.5.0"
  public static let cluster = "3.5.0"
}
