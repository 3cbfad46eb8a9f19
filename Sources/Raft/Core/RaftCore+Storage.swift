import Base

/// What goes to disk, what comes back from it, and what the state machine gets.
extension RaftCore {
  // MARK: Disk

  /// Puts the one write of this step together. If nothing is on its way to disk and nothing has
  /// changed, there is nothing to wait for, and promises are true at once.
  mutating func sealWrite(_ output: inout Output) {
    demand(output.writes.count <= 1, "a step has one write, not \(output.writes.count)")
    let isNewHardState = hardState != durability.writtenHardState
    let hasEntries = durability.unwrittenFrom <= lastEntry.index
    let draft = output.draft
    let isEmpty =
      !isNewHardState && !hasEntries && draft.cut == nil && draft.install == nil
    if isEmpty && (durability.isIdle || draft.releasedWhenDurable.isEmpty) {
      output.sends += draft.releasedWhenDurable
      output.writes = []
      return
    }
    // Term and vote are one record (Raft Figure 2).
    if isNewHardState { output.draft.hardState = hardState }
    if hasEntries {
      let entries = log.entries(
        from: durability.unwrittenFrom, through: lastEntry.index, limitBytes: .max)
      guard let entries else {
        fatalError("entry \(durability.unwrittenFrom.number) left memory unwritten")
      }
      output.draft.entries = entries
    }
    output.draft.ticket = durability.begin(
      hardState: hardState, last: lastEntry.index, install: draft.install, at: now)
  }

  mutating func stored(_ ticket: WriteTicket, _ output: inout Output) {
    let installed = durability.stored(ticket)
    if let installed { output.restore = installed }
    switch role {
    case .candidate: countOwnVote(&output)
    case .leader: advanceCommit(&output)
    case .follower, .preCandidate: break
    }
  }

  /// What `Output.fetches` asked for has been read.
  mutating func fetched(_ fetch: LogFetch, _ entries: [Entry], _ output: inout Output) {
    // The log may have moved on while the disk was read; equal ids are equal entries.
    var usable: [Entry] = []
    for entry in entries {
      let expected = LogIndex(fetch.first.number + UInt64(usable.count))
      guard entry.index == expected, entry.index > log.base.index, log.holds(entry.id) else {
        break
      }
      usable.append(entry)
    }
    if delivery.fetching == fetch {
      delivery.fetching = nil
      demand(
        !usable.isEmpty, "committed entry \(fetch.first.number) is not in the stored log")
      for entry in usable where canHandOver(entry.index) { handOver(entry, &output) }
    }
    if isLeader { replicate(fetched: usable, for: fetch, &output) }
  }

  // MARK: State machine

  /// Hands over what is committed and on this member's disk, each entry once, in order, not more
  /// than the state machine can hold, and none while it moves to a snapshot.
  mutating func deliver(_ output: inout Output) {
    guard delivery.installing == nil, delivery.fetching == nil else { return }
    while canHandOver(delivery.handedOver.next) {
      guard let entry = log.entry(at: delivery.handedOver.next) else {
        return fetchForDelivery(&output)
      }
      handOver(entry, &output)
    }
  }

  /// Whether committed entries are held back until the state machine has applied more.
  public var awaitsApplied: Bool { delivery.handedOver < min(commitIndex, durability.index) }

  private func canHandOver(_ index: LogIndex) -> Bool {
    index == delivery.handedOver.next && index <= min(commitIndex, durability.index)
      && delivery.unappliedBytes < settings.unappliedLimitBytes
  }

  private mutating func handOver(_ entry: Entry, _ output: inout Output) {
    delivery.handedOver = entry.index
    delivery.unappliedBytes += entry.byteCount
    output.committed.append(entry)
  }

  private mutating func fetchForDelivery(_ output: inout Output) {
    let last = min(commitIndex, durability.index, log.windowStart.previous)
    let fetch = LogFetch(
      first: delivery.handedOver.next, last: last,
      limitBytes: settings.unappliedLimitBytes - delivery.unappliedBytes)
    delivery.fetching = fetch
    output.fetches.append(fetch)
  }

  /// The state machine got this far. What it did before a snapshot replaced it is of no interest.
  mutating func applied(upTo index: LogIndex) {
    guard delivery.installing == nil, index > delivery.applied else { return }
    demand(
      index <= delivery.handedOver,
      "\(index.number) cannot be applied, \(delivery.handedOver.number) was handed over")
    delivery.unappliedBytes -= log.bytes(after: delivery.applied, through: index)
    delivery.applied = index
  }
}
