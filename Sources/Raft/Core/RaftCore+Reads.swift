import Base

/// Linearizable reads without a log entry (Raft §8, Thesis §6.4): from which applied index on, and
/// only after a quorum has confirmed that this leader still led when the read had come.
extension RaftCore {
  mutating func read(_ id: ReadID, _ output: inout Output) {
    let deadline = now + settings.electionTimeout
    switch role {
    case .leader:
      leading.reads.add(ReadQueue.Read(id: id, from: nil, deadline: deadline))
    case .follower(let follower):
      guard let leader = follower.leader else { return output.unreadable.append(id) }
      following.reads.append(Follower.ForwardedRead(id: id, deadline: deadline))
      send(.readIndex(ReadIndex(id: id)), to: leader, &output)
    case .preCandidate, .candidate:
      output.unreadable.append(id)
    }
  }

  mutating func receive(
    _ request: ReadIndex, from member: MemberID, _ output: inout Output
  ) {
    guard isLeader else {
      let reply = ReadIndexReply(id: request.id, index: nil)
      return send(.readIndexReply(reply), to: member, &output)
    }
    let deadline = now + settings.electionTimeout
    leading.reads.add(ReadQueue.Read(id: request.id, from: member, deadline: deadline))
  }

  mutating func receive(
    _ reply: ReadIndexReply, from member: MemberID, _ output: inout Output
  ) {
    guard case .follower(let follower) = role, follower.leader == member,
      let position = follower.reads.firstIndex(where: { $0.id == reply.id })
    else { return }
    following.reads.remove(at: position)
    if let index = reply.index {
      output.readable.append(Readable(read: reply.id, index: index))
    } else {
      output.unreadable.append(reply.id)
    }
  }

  /// Begins a round for the reads that wait and answers those that are confirmed. One round is on
  /// its way at a time, and the next one takes along all that came meanwhile.
  mutating func serveReads(_ output: inout Output) {
    // Before its first commit a leader may not know all that earlier leaders committed.
    guard hasCommittedInTerm, !leading.reads.isEmpty else { return }
    answerConfirmed(&output)
    if leading.reads.batches.isEmpty && !leading.reads.waiting.isEmpty {
      beginRound(&output)
      answerConfirmed(&output)
    }
  }

  private mutating func answerConfirmed(_ output: inout Output) {
    let leader = leading
    let confirmed = quorum.agreed { member in
      if member == id { return leader.round }
      return leader.position(of: member).map { leader.followers[$0].confirmedRound } ?? 0
    }
    while let batch = leading.reads.next(confirmed: confirmed ?? 0) {
      for read in batch.reads { answer(read, at: batch.index, &output) }
    }
  }

  private mutating func answer(
    _ read: ReadQueue.Read, at index: LogIndex, _ output: inout Output
  ) {
    if let member = read.from {
      send(.readIndexReply(ReadIndexReply(id: read.id, index: index)), to: member, &output)
    } else {
      output.readable.append(Readable(read: read.id, index: index))
    }
  }

  /// Says that a read will not be confirmed here.
  mutating func refuse(_ read: ReadQueue.Read, _ output: inout Output) {
    if let member = read.from {
      send(.readIndexReply(ReadIndexReply(id: read.id, index: nil)), to: member, &output)
    } else {
      output.unreadable.append(read.id)
    }
  }

  /// The leader has not answered for an election timeout.
  mutating func expireForwardedReads(_ output: inout Output) {
    let expired = following.reads.prefix { $0.deadline <= now }.map(\.id)
    guard !expired.isEmpty else { return }
    following.reads.removeFirst(expired.count)
    output.unreadable += expired
  }
}
