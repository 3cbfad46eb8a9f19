import Base

/// The leader's log becomes everyone's (Raft §5.3).
extension RaftCore {
  private var pipelineLimits: Inflight.Limits {
    Inflight.Limits(messages: settings.inflightLimit, bytes: settings.inflightLimitBytes)
  }

  // MARK: Leader

  /// Gives each proposal the next slot, or says why not.
  mutating func propose(_ proposals: [Proposal], _ output: inout Output) {
    guard case .leader(let leader) = role else {
      return refuse(proposals, .notLeader(leader: leader), &output)
    }
    guard leader.transfer == nil else { return refuse(proposals, .transferring, &output) }
    for proposal in proposals {
      guard leading.uncommittedBytes < settings.uncommittedLimitBytes else {
        output.refused.append(Refused(proposal: proposal.id, reason: .tooManyUncommitted))
        continue
      }
      let entry = append(.command(proposal.command), &output)
      output.appended.append(Appended(proposal: proposal.id, entry: entry))
    }
  }

  private func refuse(
    _ proposals: [Proposal], _ reason: Refused.Reason, _ output: inout Output
  ) {
    output.refused += proposals.map { Refused(proposal: $0.id, reason: reason) }
  }

  /// Appends to the leader's own log. It travels to the followers and to the disk side by side
  /// (Thesis §10.2.1).
  @discardableResult
  mutating func append(_ content: Entry.Content, _ output: inout Output) -> EntryID {
    let entry = Entry(
      id: EntryID(term: currentTerm, index: lastEntry.index.next), content: content)
    leading.uncommittedBytes += entry.byteCount
    enter(entry, &output)
    return entry.id
  }

  /// Sends every follower what it can take, and the commit index if that is news to it.
  mutating func feedFollowers(_ output: inout Output) {
    guard isLeader else { return }
    serveReads(&output)
    for position in leading.followers.indices {
      feed(position, &output)
      let follower = leading.followers[position]
      if follower.toldCommit < min(follower.match, commitIndex) {
        sendHeartbeat(to: position, &output)
      }
    }
  }

  private mutating func feed(_ position: Int, _ output: inout Output) {
    while !leading.followers[position].isPaused {
      let follower = leading.followers[position]
      guard let term = log.term(at: follower.next.previous) else {
        return requestSnapshot(for: position, &output)
      }
      let previous = EntryID(term: term, index: follower.next.previous)
      switch follower.state {
      case .probe:
        probe(position, after: previous, &output)
      case .replicate:
        guard follower.next <= lastEntry.index else { return }
        let entries = log.entries(
          from: follower.next, through: lastEntry.index, limitBytes: settings.appendLimitBytes)
        guard let entries else { return fetch(for: position, &output) }
        replicate(entries, to: position, after: previous, &output)
      case .snapshot:
        return
      }
    }
  }

  /// Asks whether the logs agree at `previous`. The first time entries go along, in the hope.
  private mutating func probe(_ position: Int, after previous: EntryID, _ output: inout Output) {
    var entries: [Entry] = []
    if !leading.followers[position].probedWithEntries {
      entries =
        log.entries(
          from: previous.index.next, through: lastEntry.index,
          limitBytes: settings.appendLimitBytes) ?? []
    }
    leading.followers[position].probedWithEntries = true
    leading.followers[position].waitsForHeartbeat = true
    sendAppend(entries, to: position, after: previous, &output)
  }

  private mutating func replicate(
    _ entries: [Entry], to position: Int, after previous: EntryID, _ output: inout Output
  ) {
    let last = LogIndex(previous.index.number + UInt64(entries.count))
    let bytes = entries.reduce(0) { $0 + $1.byteCount }
    leading.followers[position].inflight.add(upTo: last, bytes: bytes)
    leading.followers[position].next = last.next
    leading.followers[position].toldCommit = max(
      leading.followers[position].toldCommit, min(commitIndex, last))
    sendAppend(entries, to: position, after: previous, &output)
  }

  private mutating func sendAppend(
    _ entries: [Entry], to position: Int, after previous: EntryID, _ output: inout Output
  ) {
    let append = AppendEntries(previous: previous, entries: entries, commitIndex: commitIndex)
    send(.appendEntries(append), to: leading.followers[position].member, &output)
  }

  /// Asks the disk for what memory has forgotten, once for all who need the same.
  private mutating func fetch(for position: Int, _ output: inout Output) {
    let first = leading.followers[position].next
    let last = min(log.windowStart.previous, lastEntry.index)
    let fetch = LogFetch(first: first, last: last, limitBytes: settings.appendLimitBytes)
    let isAsked = leading.followers.contains { $0.fetching == fetch }
    leading.followers[position].fetching = fetch
    if !isAsked { output.fetches.append(fetch) }
  }

  /// Entries that were read from disk go to the followers that wait for them.
  mutating func replicate(fetched entries: [Entry], for fetch: LogFetch, _ output: inout Output) {
    for position in leading.followers.indices
    where leading.followers[position].fetching == fetch {
      leading.followers[position].fetching = nil
      guard leading.followers[position].next == fetch.first else { continue }
      guard !entries.isEmpty, let term = log.term(at: fetch.first.previous) else {
        // Cut away meanwhile, most likely; the next heartbeat looks again.
        leading.followers[position].waitsForHeartbeat = true
        continue
      }
      let previous = EntryID(term: term, index: fetch.first.previous)
      replicate(entries, to: position, after: previous, &output)
    }
  }

  mutating func receive(
    _ reply: AppendReply, from member: MemberID, _ output: inout Output
  ) {
    guard isLeader, let position = leading.position(of: member) else { return }
    leading.followers[position].heardAt = now
    switch reply.result {
    case .accepted(match: let match):
      demand(
        match.index < log.base.index || log.holds(match),
        "m\(member.number) acknowledged \(match.index.number)@\(match.term.number), "
          + "which is not in the log of term \(currentTerm.number)")
      let isNews = leading.followers[position].accepted(
        upTo: match.index, base: log.base.index, limits: pipelineLimits)
      if isNews {
        leading.followers[position].acknowledgedAt = now
        advanceCommit(&output)
        continueTransfer(&output)
      }
    case .rejected(previous: let previous, hint: let hint):
      rejected(position, at: previous, hint: hint)
    }
  }

  /// The logs do not agree at `previous`: tries further back, but skips what cannot agree.
  private mutating func rejected(_ position: Int, at previous: LogIndex, hint: EntryID) {
    let follower = leading.followers[position]
    // What it has acknowledged it cannot take back: that rejection is an old one.
    guard previous > follower.match else { return }
    switch follower.state {
    case .probe: guard previous == follower.next.previous else { return }
    case .replicate: break
    case .snapshot: return
    }
    let agreed = log.lastEntry(upTo: hint.index, term: hint.term)
    // Below the base nothing is known; the follower then needs a snapshot.
    let next = hint.index < log.base.index ? hint.index.next : agreed.index.next
    leading.followers[position].becomeProbing(next: min(next, previous))
  }

  // MARK: Follower

  mutating func receive(
    _ append: AppendEntries, from leader: MemberID, _ output: inout Output
  ) {
    hear(leader: leader, &output)
    guard append.previous.index >= commitIndex else {
      return acceptCommitted(append, from: leader, &output)
    }
    guard log.holds(append.previous) else {
      let hint = log.lastEntry(
        upTo: min(append.previous.index.previous, lastEntry.index), term: append.previous.term)
      let result = AppendReply.Result.rejected(previous: append.previous.index, hint: hint)
      return send(.appendReply(AppendReply(result)), to: leader, &output)
    }
    accept(append.entries[...], after: append.previous, from: leader, append.commitIndex, &output)
  }

  /// An append that reaches back behind the commit index. What is committed here is in every later
  /// leader's log, so that part agrees and is skipped, even where this log has been cut away.
  private mutating func acceptCommitted(
    _ append: AppendEntries, from leader: MemberID, _ output: inout Output
  ) {
    let known = Int(commitIndex.number - append.previous.index.number)
    guard append.entries.count > known else {
      return acknowledge(log.id(at: commitIndex), to: leader, &output)
    }
    let last = append.entries[known - 1].id
    demand(
      last == log.id(at: commitIndex),
      "committed entry \(commitIndex.number)@\(log.id(at: commitIndex).term.number) "
        + "would become \(last.index.number)@\(last.term.number)")
    accept(append.entries[known...], after: last, from: leader, append.commitIndex, &output)
  }

  private mutating func accept(
    _ entries: ArraySlice<Entry>, after previous: EntryID, from leader: MemberID,
    _ leaderCommit: LogIndex, _ output: inout Output
  ) {
    let last = entries.last?.id ?? previous
    let fresh = unknown(entries, after: previous)
    if let first = fresh.first {
      if first.index <= lastEntry.index { truncate(after: first.index.previous, &output) }
      for entry in fresh { enter(entry, &output) }
    }
    commit(upTo: min(leaderCommit, last.index), &output)
    acknowledge(last, to: leader, &output)
  }

  /// What of the entries this log does not hold: equal ids are equal logs up to there (Raft §5.3).
  private func unknown(
    _ entries: ArraySlice<Entry>, after previous: EntryID
  ) -> ArraySlice<Entry> {
    previous == lastEntry ? entries : entries.drop { log.term(at: $0.index) == $0.term }
  }

  /// Says that this log is durably the leader's up to `match`, as soon as that is so.
  func isDurable(_ match: EntryID) -> Bool {
    durability.hardState.currentTerm == currentTerm && match.index <= durability.index
  }

  mutating func acknowledge(_ match: EntryID, to leader: MemberID, _ output: inout Output) {
    let reply = Message.Body.appendReply(AppendReply(.accepted(match: match)))
    if isDurable(match) {
      send(reply, to: leader, &output)
    } else {
      promise(reply, to: leader, &output)
    }
  }

  // MARK: Both

  /// Puts an entry at the end of the log; a configuration is in force from here on.
  private mutating func enter(_ entry: Entry, _ output: inout Output) {
    log.append(entry)
    if configurations.append(entry) {
      output.notes.append(.configurationChanged(configuration, at: entry.index))
    }
  }

  /// Removes what the leader does not have.
  private mutating func truncate(after index: LogIndex, _ output: inout Output) {
    demand(
      index >= commitIndex,
      "entries up to \(commitIndex.number) are committed, none after \(index.number) would stay")
    log.truncate(after: index)
    durability.truncate(after: index)
    output.notes.append(.logTruncated(after: index))
    if configurations.truncate(after: index) {
      output.notes.append(
        .configurationChanged(configuration, at: configurations.currentIndex))
    }
  }
}
