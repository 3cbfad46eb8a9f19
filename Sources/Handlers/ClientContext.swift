import Host
import NIOCore
import Raft
import Replica
import Services

/// What the handlers of one client loop know: the member, the bounds of requests, and their loop.
struct ClientContext {
  let member: MemberContext
  let me: MemberID
  let boot: Boot
  let settings: HandlerSettings
  let wakeUp: LoopWakeUp
  /// The place of the loop among the client loops.
  let number: Int
  let requests: RequestCounter

  var loop: any EventLoop { wakeUp.loop }
  var published: PublishedState { member.published }
  var metrics: Metrics { member.metrics }
  var inboxes: MemberInboxes { member.inboxes }
}

extension PublishedState {
  /// Who answers, and in which term.
  var header: AnswerHeader {
    let (cluster, member, raftTerm) = answerer
    return AnswerHeader(cluster: cluster, member: member, raftTerm: raftTerm)
  }
}
