import EtcdAPI
import KeyValue
import Member
import NIOCore
import NIOPosix
import RPC
import Replica
import Services

/// The service `etcdserverpb.Maintenance`, as far as it looks after the store.
extension ClientFace {
  func addUpkeep(to table: inout MethodTable) {
    table.stream(EtcdMethod.Maintenance.snapshot) { [self] call in
      guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else {
        preconditionFailure("a client's call is handled outside the client loops")
      }
      return backups.open(call, on: loop)
    }
    table.unary(EtcdMethod.Maintenance.alarm) { [self] call in alarm(call) }
    table.unary(EtcdMethod.Maintenance.defragment) { [self] call in defragment(call) }
    table.unary(EtcdMethod.Maintenance.downgrade) { [self] call in downgrade(call) }
  }

  /// `Maintenance.Alarm`: to ask is a linearizable read, to raise and lower are commands.
  private func alarm(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      switch try MaintenanceService.alarm(body: Array(call.message.readableBytesView)) {
      case .list(let kind):
        guard !board.isFenced else { return answerAlarms(kind, call) }
        read(.alarms(kind), .linearizable, call)
      case .command(let command): propose(ProposalPlan(command: .upkeep(command)), call)
      case .nothing: answerAlarms([], call)
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  /// Those that are raised in the state that is served.
  func answerAlarms(_ kind: AlarmKind?, _ call: UnaryCall) {
    answerAlarms(board.meta.alarms.filter { kind == nil || $0.kind == kind }, call)
  }

  private func answerAlarms(_ alarms: [Alarm], _ call: UnaryCall) {
    let header = board.header.message(revision: board.meta.revision)
    call.answer(MaintenanceService.alarms(alarms, header).encodedBytes)
  }

  /// `Maintenance.Defragment`: gives free pages back, a little at a time; answered when there are
  /// none left. Reads and writes go on.
  private func defragment(_ call: UnaryCall) {
    let waiter = Waiter(call: call, kind: .defragment, arrived: MonotonicClock.now())
    guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(call) }
    flush.post(.letter(.defragment(id)))
  }

  private func downgrade(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      call.answer(
        try MaintenanceService.downgrade(
          body: Array(call.message.readableBytesView), clusterVersion: Version.cluster,
          revision: board.meta.revision, board.header
        ).encodedBytes)
    } catch {
      call.fail(RPCStatus(error))
    }
  }
}
