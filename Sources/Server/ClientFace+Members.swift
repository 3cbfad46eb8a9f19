import Base
import EtcdAPI
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The service `etcdserverpb.Cluster`, and who leads: changes go to the leader by way of the
/// replica, and are answered when they are applied here.
extension ClientFace {
  func addMembers(to table: inout MethodTable) {
    table.unary(EtcdMethod.Cluster.memberList) { [self] call in memberList(call) }
    table.unary(EtcdMethod.Cluster.memberAdd) { [self] call in
      let id = MemberID(UInt64.random(in: 1...UInt64.max))
      change(call, .add(id)) { body throws(EtcdStatus) in
        let metadata = call.context.metadata
        let extras = ClusterService.Extras(
          autoPromote: metadata.first(QuorateMetadata.autoPromote),
          spareDelay: metadata.first(QuorateMetadata.spareDelay),
          replaces: metadata.first(QuorateMetadata.replaces))
        return try ClusterService.add(body: body, extras, freshID: id)
      }
    }
    table.unary(EtcdMethod.Cluster.memberRemove) { [self] call in
      change(call, .remove) { body throws(EtcdStatus) in try ClusterService.remove(body: body) }
    }
    table.unary(EtcdMethod.Cluster.memberUpdate) { [self] call in
      change(call, .update) { body throws(EtcdStatus) in try ClusterService.update(body: body) }
    }
    table.unary(EtcdMethod.Cluster.memberPromote) { [self] call in
      change(call, .promote) { body throws(EtcdStatus) in try ClusterService.promote(body: body) }
    }
    table.unary(EtcdMethod.Maintenance.moveLeader) { [self] call in moveLeader(call) }
  }

  private func change(
    _ call: UnaryCall, _ kind: ClusterService.Call,
    _ plan: ([UInt8]) throws(EtcdStatus) -> ConfigurationChange
  ) {
    do throws(EtcdStatus) {
      let change = try plan(Array(call.message.readableBytesView))
      order(.change(kind), call) { home, id, deadline in
        home.reconfigure(MemberRequest(id: id, change: change, deadline: deadline))
      }
    } catch {
      metrics.refused(.invalid)
      call.fail(RPCStatus(error))
    }
  }

  private func moveLeader(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      let target = try ClusterService.leaderTarget(body: Array(call.message.readableBytesView))
      order(.moveLeader, call) { home, id, deadline in
        home.transferLeadership(id, to: target, deadline: deadline)
      }
    } catch {
      metrics.refused(.invalid)
      call.fail(RPCStatus(error))
    }
  }

  /// Brings a call to the replica, on its loop.
  private func order(
    _ kind: Waiter.Kind, _ call: UnaryCall,
    _ body: @escaping @Sendable (ReplicaLoop, RequestID, Instant) -> Void
  ) {
    let now = MonotonicClock.now()
    let deadline = deadline(of: call, now)
    let waiter = Waiter(call: call, kind: kind, arrived: now)
    guard let id = waiters.insert(waiter, shard: shard) else { return tooMany(call) }
    let isTaken = door.errands.offer(.visit { home in body(home, id, deadline) })
    if !isTaken, let waiter = waiters.take(id) { tooMany(waiter.call) }
  }
}
