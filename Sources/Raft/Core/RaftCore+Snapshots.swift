import Base

/// Followers that are too far behind the log, and logs that have grown too long (Raft §7).
extension RaftCore {
  // MARK: Leader

  /// The entry before the follower's next one is gone. Whoever is not heard is spared: it could not
  /// take a snapshot, and one that is held open keeps the state machine from giving back space.
  mutating func requestSnapshot(for position: Int, _ output: inout Output) {
    guard isHeard(leading.followers[position]) else {
      leading.followers[position].waitsForHeartbeat = true
      return
    }
    let request = SnapshotRequest(
      to: leading.followers[position].member, atLeast: log.base.index)
    leading.followers[position].becomeSnapshotting(atLeast: request.atLeast)
    output.snapshots.append(request)
  }

  mutating func snapshotSent(_ request: SnapshotRequest, _ outcome: SnapshotOutcome) {
    guard isLeader, let position = leading.position(of: request.to),
      leading.followers[position].state == .snapshot(atLeast: request.atLeast)
    else { return }
    switch outcome {
    case .delivered(let base):
      leading.followers[position].becomeProbing(next: base.last.index.next)
    case .failed:
      let match = leading.followers[position].match
      leading.followers[position].becomeProbing(next: match.next)
      leading.followers[position].waitsForHeartbeat = true
      leading.followers[position].isReturning = false
    }
  }

  // MARK: Follower

  /// Moves to a snapshot that is on disk already. It becomes real with this step's write; the state
  /// machine follows, and is fed nothing until it has.
  mutating func receive(
    _ install: InstallSnapshot, from leader: MemberID, _ output: inout Output
  ) {
    hear(leader: leader, &output)
    let base = install.base
    guard base.last.index > commitIndex else {
      return acknowledge(log.id(at: commitIndex), to: leader, &output)
    }
    // One at a time: the leader finds out by probing, and asks again.
    guard delivery.installing == nil else { return }
    let oldConfiguration = configuration
    if log.holds(base.last) {
      log.cut(through: base.last.index)
    } else {
      durability.replace(keeping: commitIndex, base: base.last.index)
      _ = configurations.truncate(after: commitIndex)
      log.replace(base: base.last)
    }
    configurations.rebase(onto: base)
    commit(upTo: base.last.index, &output)
    delivery.installing = base
    delivery.fetching = nil
    retention = Retention(base: base.last.index)
    output.draft.install = base
    promise(
      .appendReply(AppendReply(.accepted(match: base.last))), to: leader, &output)
    if configuration != oldConfiguration {
      output.notes.append(
        .configurationChanged(configuration, at: configurations.currentIndex))
    }
  }

  /// The state machine stands at the snapshot: exactly there, neither before nor after.
  mutating func restored(_ base: LogBase) {
    demand(
      delivery.installing?.last == base.last,
      "the state machine moved to \(base.last.index.number), which was not asked")
    delivery = Delivery(applied: base.last.index)
  }

  // MARK: Cutting

  /// Cuts the log behind what the state machine would still know after a crash, but keeps some of
  /// it for followers that are a little slow. Not for every entry: a cut is a write.
  mutating func durablyApplied(upTo index: LogIndex, _ output: inout Output) {
    guard delivery.installing == nil, index > retention.durableApplied else { return }
    demand(
      index <= delivery.handedOver,
      "\(index.number) cannot be applied, \(delivery.handedOver.number) was handed over")
    applied(upTo: index)
    retention.bytesBehind += log.bytes(after: retention.durableApplied, through: index)
    retention.durableApplied = index
    var cut = log.base.index
    var bytes = retention.bytesBehind
    while cut < index,
      index.number - cut.number > settings.retainedEntries || bytes > settings.retainedBytes
    {
      bytes -= log.bytes(after: cut, through: cut.next)
      cut = cut.next
    }
    endReturns(upTo: cut)
    if let held = heldFrom, held < cut {
      bytes += log.bytes(after: max(held, log.base.index), through: cut)
      cut = max(held, log.base.index)
    }
    let isWorthwhile =
      cut.number - log.base.index.number > settings.retainedEntries / 8
      || retention.bytesBehind - bytes > settings.retainedBytes / 8
    guard cut > log.base.index, isWorthwhile else { return }
    retention.bytesBehind = bytes
    configurations.cut(through: cut)
    log.cut(through: cut)
    output.draft.cut = base
  }

  /// Where the log must go on from for followers that are brought up, as long as they are heard and
  /// it does not become too long; `nil`: nobody is. Without it the log would be cut past each
  /// snapshot before that has arrived, and a follower that returns under load would be sent one
  /// after the other, for ever.
  private var heldFrom: LogIndex? {
    guard retention.bytesBehind <= settings.heldBytes else { return nil }
    return followers.filter { $0.isReturning && isHeard($0) }.map(\.needed).min()
  }

  /// Whoever needs nothing up to `cut` any more is back.
  private mutating func endReturns(upTo cut: LogIndex) {
    guard isLeader else { return }
    for position in leading.followers.indices
    where leading.followers[position].isReturning
      && leading.followers[position].state == .replicate
      && leading.followers[position].match >= cut
    {
      leading.followers[position].isReturning = false
    }
  }
}
