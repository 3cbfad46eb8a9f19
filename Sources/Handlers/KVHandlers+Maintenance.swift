import Host
import Member
import EtcdAPI
import KeyValue
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The service `etcdserverpb.Maintenance`, as far as it shows how the store stands.
extension KVHandlers {
  /// `Status` asks nobody, so a member that is cut off answers as well.
  func status(_ call: OpenCall) { ask(.status, call) { id, _ in .report(id, knowing: false) } }

  func take(_ report: MemberReport, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    guard let status = report.status else {
      let refusal = Refusal(.notFormed(report.gaps))
      return waiter.call.fail(FailedAnswer(refusal, members: published.view.members))
    }
    // Files are looked at once a second, pages after each flush.
    let used = max(published.usedBytes, 0)
    let facts = MaintenanceService.StoreFacts(
      meta: published.meta, sizeBytes: max(published.fileBytes, used), usedBytes: used)
    waiter.call.answer(
      MaintenanceService.status(status, facts, version: Version.etcd, published.header).encodedBytes
    )
  }

  /// `Hash`: of the whole state at the applied index, whatever its revision.
  func hash(_ call: OpenCall) {
    let meta = published.meta
    let hash = LiveHasher.fold(meta.stateDigest)
    call.answer(
      MaintenanceService.hash(hash, revision: meta.revision, published.header).encodedBytes)
  }

  /// `HashKV`: of what is alive at a revision; read from the files, piece by piece.
  func hashKV(_ call: OpenCall) {
    do throws(EtcdStatus) {
      let revision = try MaintenanceService.hashRevision(body: call.body)
      if let readView = published.readView { return hashKV(call, readView, revision) }
      wait(.hashKV(revision: revision), call) { id in inboxes.apply.post(.show(.client(id))) }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  func hashKV(_ call: OpenCall, _ readView: ReadView, _ revision: Int64) {
    wait(.hashKV(revision: revision), call) { id in
      inboxes.reads.post(.hash(id, readView, revision: revision))
    }
  }
}
