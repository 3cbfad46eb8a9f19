extension CanonicalState {
  package mutating func add(_ message: Message) {
    add(message.term)
    switch message.body {
    case .preVote(let request):
      add(0)
      add(request.lastEntry)
    case .preVoteReply(let reply): add([false, reply.granted])
    case .requestVote(let request):
      add(1)
      add(request.lastEntry)
      add([request.isTransfer])
    case .voteReply(let reply): add([true, reply.granted])
    case .appendEntries(let append):
      add(2)
      add(append.previous)
      add(append.entries)
      add(append.commitIndex)
    case .appendReply(let reply): add(reply.result)
    case .heartbeat(let heartbeat):
      add(8)
      add(heartbeat.round)
      add(heartbeat.commitIndex)
    case .heartbeatReply(let reply):
      add(9)
      add(reply.round)
    case .installSnapshot(let install):
      add(10)
      add(install.base)
    case .timeoutNow: add(11)
    case .readIndex(let read):
      add(12)
      add(read.id.number)
    case .readIndexReply(let reply):
      add(13)
      add(reply.id.number)
      add(reply.index.map { [$0] } ?? [])
    }
  }

  private mutating func add(_ result: AppendReply.Result) {
    switch result {
    case .accepted(match: let match):
      add(14)
      add(match)
    case .rejected(previous: let previous, hint: let hint):
      add(15)
      add(previous)
      add(hint)
    }
  }
}
