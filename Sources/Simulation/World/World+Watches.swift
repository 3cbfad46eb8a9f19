import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// Clients that watch.
extension World {
  func startWatchers() {
    for watcher in watchers.indices { after(pause(watcher), .watcherTurn(watcher)) }
  }

  private func pause(_ watcher: Int) -> Duration {
    watchers[watcher].dice.duration(in: .milliseconds(1)..<(.milliseconds(300)))
  }

  // MARK: A watcher

  /// One step of a watcher: mostly it only listens.
  func watcherTurn(_ number: Int) {
    guard !isCalm else { return }
    after(pause(number), .watcherTurn(number))
    demandEnd(number)
    guard watchers[number].stream.number != 0 else { return connect(number, anew: true) }
    switch watchers[number].dice.index(below: 8) {
    case 0: connect(number, anew: true)
    case 1: connect(number, anew: false)
    case 2...3: block(number, !watchers[number].isBlocked)
    default: askProgress(number)
    }
  }

  /// Opens a stream at any member: of another watch, or of the same where it stands.
  private func connect(_ number: Int, anew: Bool, at position: Int? = nil) {
    leave(number)
    lastWatchStream += 1
    let stream = WatchStreamID(lastWatchStream)
    watchers[number].stream = stream
    watchers[number].isBlocked = false
    watchers[number].isCreated = false
    watchers[number].member =
      position ?? watchers[number].dice.index(below: weather.members)
    if anew {
      watchers[number].draw(keys: weather.keys)
      let back = Int64(watchers[number].dice.index(below: 30))
      watchers[number].next =
        watchers[number].dice.chance(1, in: 2) ? 0 : max(1, checks.watchGuarantees.last + 3 - back)
    }
    watchers[number].request.startRevision = watchers[number].next
    let member = members[watchers[number].member]
    tell(nil, "w\(number) watches at \(member.name) from \(watchers[number].next)")
    guard member.isRunning, !member.isPaused else { return drop(number) }
    watchers[number].openedAt = now
    member.watchStreams[stream] = number
    post(.open(stream, requiresLeader: watchers[number].requiresLeader), member)
    post(.order(stream, .create(watchers[number].request)), member)
  }

  /// The stream is gone, and the watcher knows it.
  private func drop(_ number: Int) { watchers[number].stream = WatchStreamID(0) }

  private func leave(_ number: Int) {
    let stream = watchers[number].stream
    guard stream.number != 0 else { return }
    drop(number)
    let member = members[watchers[number].member]
    guard member.watchStreams.removeValue(forKey: stream) != nil else { return }
    stopRefusing(stream, member)
    post(.gone(stream), member)
  }

  private func block(_ number: Int, _ isBlocked: Bool) {
    let stream = watchers[number].stream
    let member = members[watchers[number].member]
    // A process that is stopped takes note of nothing.
    guard watchers[number].isBlocked != isBlocked, !member.isPaused else { return }
    watchers[number].isBlocked = isBlocked
    guard !isBlocked, stopRefusing(stream, member) else { return }
    post(.writable(stream), member)
  }

  private func askProgress(_ number: Int) {
    let (stream, member) = (watchers[number].stream, members[watchers[number].member])
    guard member.watchStreams[stream] != nil, !member.isPaused else { return }
    post(.order(stream, .progress), member)
  }

  /// Something reaches a watcher.
  func take(_ news: WatchNews, watcher number: Int, _ stream: WatchStreamID) {
    guard watchers[number].stream == stream else { return }
    let watcher = watchers[number]
    switch news {
    case .created(let current):
      watchers[number].isCreated = true
      if watcher.next == 0 { watchers[number].next = current + 1 }
    // The end of the stream follows.
    case .cancelled: break
    case .refused, .ended:
      leave(number)
      if isCalm { connectToSomebody(number) }
    case .events(let changes, let header):
      demand(
        number,
        checks.watchGuarantees.violation(changes, watcher.request, next: watcher.next))
      guard let last = changes.last?.row.modRevision else { return }
      if header < last { fail("w\(number) gets a header at \(header) with an event at \(last)") }
      watchers[number].next = last + 1
      counts.watchedEvents += changes.count
    case .progress(let revision):
      demand(
        number,
        checks.watchGuarantees.violation(
          bookmark: revision, watcher.request, next: watcher.next))
      watchers[number].next = max(watcher.next, revision + 1)
    case .compacted(let revision):
      demand(
        number,
        checks.watchGuarantees.violation(compacted: revision, next: watcher.next))
      leave(number)
      watchers[number].next = revision
      if isCalm { connect(number, anew: false, at: watcher.member) }
    }
  }

  /// A member keeps no stream longer than it may that takes nothing, or that is to end because
  /// nobody leads.
  private func demandEnd(_ number: Int) {
    let (watcher, member) = (watchers[number], members[watchers[number].member])
    guard member.watchStreams[watcher.stream] != nil, member.isRunning, !member.isPaused else {
      return
    }
    // Two looks, and the turns of a loop that is slow.
    let slack = World.watchSettings.checkInterval * 2 + World.slowWatchTurn * 2
    func isOverdue(_ since: Instant?, _ limit: Duration) -> Bool {
      guard let since = since.map({ max($0, watcher.openedAt, member.undisturbedSince) }) else {
        return false
      }
      return now - since > limit + slack
    }
    if isOverdue(member.refusingSince[watcher.stream], World.watchSettings.stallLimit) {
      demand(number, "keeps its stream, and takes nothing")
    }
    let leaderless = watcher.requiresLeader ? member.watchStanding.leaderlessSince : nil
    if isOverdue(leaderless, World.leaderlessLimit(weather.settings.raft.electionTimeout)) {
      demand(number, "keeps its stream, and nobody leads")
    }
  }

  private func demand(_ number: Int, _ violation: String?) {
    check(violation.map { "w\(number) at \(members[watchers[number].member].name) \($0)" })
  }

  // MARK: Calm

  /// Everybody reads again, and gets all that is owed, at any member.
  func demandWatches() {
    guard violation == nil, !watchers.isEmpty else { return }
    guard let leader = commonLeader else { return fail("the leader is lost in calm") }
    let served = leader.log.configuration.members.compactMap { positionOf[$0.id] }
    for number in watchers.indices {
      watchers[number].requiresLeader = false
      block(number, false)
      // Who watches at a member that was removed goes elsewhere, as do those without a stream.
      guard watchers[number].stream.number == 0 || !served.contains(watchers[number].member)
      else { continue }
      connectToSomebody(number)
    }
    let limit = now + weather.settings.raft.electionTimeout * Simulator.serviceLimit
    let isServed = run(until: limit) { watchers.indices.allSatisfy { hasEverything($0) } }
    guard violation == nil, !isServed else { return }
    for number in watchers.indices where !hasEverything(number) {
      return fail(
        "w\(number) at \(members[watchers[number].member].name) stands at "
          + "\(watchers[number].next) in calm, and there is more for it up to "
          + "\(checks.watchGuarantees.last)")
    }
  }

  /// Goes on at a member that serves.
  private func connectToSomebody(_ number: Int) {
    guard let leader = commonLeader else { return }
    let served = leader.log.configuration.members.compactMap { positionOf[$0.id] }
      .filter { !isFenced(members[$0]) }
    let place = served[watchers[number].dice.index(below: served.count)]
    connect(number, anew: watchers[number].next == 0, at: place)
  }

  private func hasEverything(_ number: Int) -> Bool {
    let watcher = watchers[number]
    guard watcher.isCreated, watcher.stream.number != 0 else { return false }
    return !checks.watchGuarantees.owes(watcher.request, from: watcher.next)
  }
}
