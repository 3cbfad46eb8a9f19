import Host
import Member
import KeyValue
import EtcdAPI
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The service `etcdserverpb.Cluster`, and who leads: changes go to the leader by way of the
/// replica, and are answered when they are applied here.
extension KVHandlers {
  /// `MemberList`: as of now, or as this member knows it.
  func memberList(_ call: OpenCall) {
    do throws(EtcdStatus) {
      if try ClusterService.isLinearizable(body: call.body) {
        read(.memberList, .linearizable, call)
      } else {
        answerMemberList(call)
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  func answerMemberList(_ call: OpenCall) {
    call.answer(ClusterService.memberList(published.view.members, published.header).encodedBytes)
  }

  func addMember(_ call: OpenCall) {
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

  func removeMember(_ call: OpenCall) {
    change(call, .remove) { body throws(EtcdStatus) in try ClusterService.remove(body: body) }
  }

  func updateMember(_ call: OpenCall) {
    change(call, .update) { body throws(EtcdStatus) in try ClusterService.update(body: body) }
  }

  func promoteMember(_ call: OpenCall) {
    change(call, .promote) { body throws(EtcdStatus) in try ClusterService.promote(body: body) }
  }

  private func change(
    _ call: OpenCall, _ kind: ClusterService.Call,
    _ plan: ([UInt8]) throws(EtcdStatus) -> ConfigurationChange
  ) {
    do throws(EtcdStatus) {
      let change = try plan(call.body)
      ask(.change(kind), call) { id, deadline in
        .change(MemberRequest(id: id, change: change, deadline: deadline))
      }
    } catch {
      refuseInvalid(call, error)
    }
  }

  func moveLeader(_ call: OpenCall) {
    do throws(EtcdStatus) {
      let target = try ClusterService.leaderTarget(body: call.body)
      ask(.moveLeader, call) { id, deadline in
        .moveLeader(id, to: target, deadline: deadline)
      }
    } catch {
      refuseInvalid(call, error)
    }
  }
}
