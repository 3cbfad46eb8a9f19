import KeyValue
import Raft
import Replica

/// A peer message in a few words, for the trace.
func describe(_ message: PeerMessage) -> String {
  switch message {
  case .raft(let message): "t\(message.term.number) \(describe(message.body))"
  case .ping: "ping"
  case .pong: "pong"
  case .forward(let forward): "forward \(forward.number): \(forward.proposals.count)"
  case .forwardReply(let reply): "forward reply: \(reply.verdicts.count)"
  case .changeForward(let forward): "change \(forward.number)"
  case .changeReply(let reply): "change reply: \(reply.outcome)"
  case .digest(let report): "digest at \(report.mark.index)"
  case .diverged(let divergence): "diverged at \(divergence.index.number)"
  case .roomQuery: "room?"
  case .roomReply(hasRoom: let hasRoom): hasRoom ? "room" : "no room"
  }
}

func describe(_ body: Message.Body) -> String {
  switch body {
  case .preVote(let ask): "pre-vote, last \(describe(ask.lastEntry))"
  case .preVoteReply(let reply): reply.granted ? "pre-vote granted" : "pre-vote refused"
  case .requestVote(let ask):
    "vote?\(ask.isTransfer ? " (transfer)" : "") last \(describe(ask.lastEntry))"
  case .voteReply(let reply): reply.granted ? "vote granted" : "vote refused"
  case .appendEntries(let append):
    "append \(append.entries.count) after \(describe(append.previous)), commit "
      + "\(append.commitIndex.number)"
  case .appendReply(let reply):
    switch reply.result {
    case .accepted(let match): "accepted \(describe(match))"
    case .rejected(let previous, let hint):
      "rejected \(previous.number), hint \(describe(hint))"
    }
  case .heartbeat(let beat): "heartbeat \(beat.round), commit \(beat.commitIndex.number)"
  case .heartbeatReply(let reply): "heartbeat reply \(reply.round)"
  case .installSnapshot(let install): "install \(describe(install.base.last))"
  case .timeoutNow: "timeout now"
  case .readIndex(let ask): "read index? \(ask.id.number)"
  case .readIndexReply(let reply):
    "read index \(reply.id.number): \(reply.index.map { String($0.number) } ?? "refused")"
  }
}

private func describe(_ id: EntryID) -> String { "\(id.index.number)@\(id.term.number)" }
