import Host
import Raft
import EtcdAPI
import KeyValue
import Member
import NIOCore
import RPC
import Replica
import Services

/// The service `etcdserverpb.Maintenance`, as far as it looks after the store.
extension KVHandlers {
  func snapshot(_ call: StreamCall) -> (StreamEvent) -> Void {
    backups.open(call)
  }

  /// `Maintenance.Alarm`: to ask is a linearizable read, to raise and lower are commands.
  func alarm(_ call: OpenCall) {
    do throws(EtcdStatus) {
      switch try MaintenanceService.alarm(body: call.body) {
      case .list(let kind):
        guard !published.isFenced else { return answerAlarms(kind, call) }
        read(.alarms(kind), .linearizable, call)
      case .command(let command): propose(ProposalPlan(command: .upkeep(command)), call)
      case .nothing: answerAlarms([], call)
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  /// Those that are raised in the state that is served.
  func answerAlarms(_ kind: AlarmKind?, _ call: OpenCall) {
    answerAlarms(published.meta.alarms.filter { kind == nil || $0.kind == kind }, call)
  }

  private func answerAlarms(_ alarms: [Alarm], _ call: OpenCall) {
    let header = published.header.message(revision: published.meta.revision)
    call.answer(MaintenanceService.alarms(alarms, header).encodedBytes)
  }

  /// `Maintenance.Defragment`: gives free pages back, a little at a time; answered when there are
  /// none left. Reads and writes go on.
  func defragment(_ call: OpenCall) {
    wait(.defragment, call) { id in inboxes.flush.post(.defragment(id)) }
  }

  func downgrade(_ call: OpenCall) {
    do throws(EtcdStatus) {
      call.answer(
        try MaintenanceService.downgrade(
          body: call.body, clusterVersion: Version.cluster,
          revision: published.meta.revision, published.header
        ).encodedBytes)
    } catch {
      call.fail(RPCStatus(error))
    }
  }
}
