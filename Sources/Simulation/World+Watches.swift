import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// Clients that watch, and the members' side of it: what `WatchDesk` does on a loop, by events.
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
    guard member.isRunning, let meta = member.view?.meta, !member.isPaused else {
      return drop(number)
    }
    member.watchStreams[stream] = number
    stepHub(member, .open(stream))
    stepHub(member, .create(stream, watchers[number].request, current: meta.revision))
  }

  /// The stream is gone, and the watcher knows it.
  private func drop(_ number: Int) { watchers[number].stream = WatchStreamID(0) }

  private func leave(_ number: Int) {
    let stream = watchers[number].stream
    guard stream.number != 0 else { return }
    drop(number)
    let member = members[watchers[number].member]
    guard member.watchStreams.removeValue(forKey: stream) != nil else { return }
    stepHub(member, .close(stream))
  }

  private func block(_ number: Int, _ isBlocked: Bool) {
    let stream = watchers[number].stream
    let member = members[watchers[number].member]
    // A process that is stopped takes note of nothing.
    guard watchers[number].isBlocked != isBlocked, !member.isPaused else { return }
    watchers[number].isBlocked = isBlocked
    guard !isBlocked, member.watchStreams[stream] != nil else { return }
    member.refusedWatches[stream] = nil
    stepHub(member, .writable(stream))
  }

  private func askProgress(_ number: Int) {
    let (stream, member) = (watchers[number].stream, members[watchers[number].member])
    guard member.watchStreams[stream] != nil, !member.isPaused, let meta = member.view?.meta
    else { return }
    stepHub(member, .askProgress(stream, current: meta.revision))
  }

  /// Something reaches a watcher.
  func take(_ news: WatchNews, watcher number: Int, _ stream: WatchStreamID) {
    guard watchers[number].stream == stream else { return }
    let watcher = watchers[number]
    switch news {
    case .created(let current):
      watchers[number].isCreated = true
      if watcher.next == 0 { watchers[number].next = current + 1 }
    case .refused, .ended: leave(number)
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

  private func demand(_ number: Int, _ violation: String?) {
    check(violation.map { "w\(number) at \(members[watchers[number].member].name) \($0)" })
  }

  // MARK: A member's side

  /// What the apply lane tells the watches is on its way to them; now and then a batch is lost on
  /// the way to a loop that is slow, and the loss is told.
  func feedWatches(_ member: SimulatedMember, _ batch: ChangeBatch) {
    let isLost = !batch.changes.isEmpty && member.watchDice.chance(1, in: 20)
    member.watchFeed.append(
      isLost ? ChangeBatch(after: batch.through, through: batch.through) : batch)
    guard member.watchFeed.count == 1 else { return }
    after(.microseconds(100), .watchTurn(member.position, member.boot))
  }

  func watchTurn(_ member: SimulatedMember) {
    let batches = member.watchFeed
    member.watchFeed = []
    for batch in batches {
      stepHub(member, .changed(batch)) { position, wantsPrevious in
        let change = batch.changes[position]
        guard wantsPrevious, change.previous != 0 else {
          return .init(row: change.row, previous: nil)
        }
        // What memory does not hold is read from the store, piece by piece.
        guard let row = member.view?.look()?.row(change.previous) else { return nil }
        return .init(row: change.row, previous: row)
      }
    }
  }

  /// A piece of the past is read for those that lag.
  func readForWatches(_ member: SimulatedMember) {
    guard member.watchRead != nil else { return }
    if let root = member.view?.look() { return readForWatches(member, root) }
    post(.show(.watches(loop: 0)), from: .watches, to: member)
  }

  func readForWatches(_ member: SimulatedMember, _ root: Root) {
    guard let request = member.watchRead else { return }
    member.watchRead = nil
    guard let state = member.state, state.generation == root.generation else {
      return stepHub(member, .read(.failure(.notNow)))
    }
    do {
      let reader = try state.openReader()
      defer { reader.close() }
      switch try root.changes(request, cache: &member.rowCache, reading: reader) {
      case .success(let piece):
        stepHub(member, .read(.success(piece))) { position, _ in piece.changes[position] }
      case .failure:
        stepHub(member, .read(.failure(.compacted(root.meta.compactRevision))))
      }
    } catch {
      stateFails(member, error)
    }
  }

  /// `change`: a change of the batch or piece at hand, and the pair before it if that is wanted;
  /// `nil`: it is not in memory.
  private func stepHub(
    _ member: SimulatedMember, _ input: WatchInput,
    _ change: (_ position: Int, _ wantsPrevious: Bool) -> ChangePiece.Change? = { _, _ in nil }
  ) {
    let output = member.watchHub.step(input)
    if let isListening = output.isListening {
      post(.listen(loop: 0, isListening), from: .watches, to: member)
    }
    if let request = output.read {
      member.watchRead = request
      after(weather.apply.draw(&member.watchDice), .watchRead(member.position, member.boot))
    }
    var returned: [WatchStreamID: [WatchResponse]] = [:]
    for response in output.responses {
      guard let number = member.watchStreams[response.stream] else { continue }
      let mayWait = returned[response.stream] == nil && !watchers[number].isBlocked
      switch response.content {
      case .events(let events):
        let changes = events.positions.map { change($0, events.previousPairs) }
        if mayWait, !changes.contains(where: { $0 == nil }) {
          send(.events(changes.compactMap { $0 }, header: response.revision), to: number)
        } else {
          returned[response.stream, default: []].append(response)
        }
      case .progress:
        if mayWait {
          send(.progress(response.revision), to: number)
        } else {
          returned[response.stream, default: []].append(response)
        }
      case .created: send(.created(current: response.revision), to: number)
      case .refused: send(.refused, to: number)
      case .compacted(let revision): send(.compacted(revision), to: number)
      case .cancelled, .ended: send(.ended, to: number)
      }
    }
    for stream in returned.keys.sorted() {
      guard let number = member.watchStreams[stream] else { continue }
      if watchers[number].isBlocked { refuse(returned[stream]!, stream, member, number) }
      stepHub(
        member, .returned(stream, returned[stream]!, isBlocked: watchers[number].isBlocked))
    }
  }

  /// A stream that takes nothing is offered events once, and then none until it takes again: else a
  /// client that does not read would cost as much as one that does.
  private func refuse(
    _ responses: [WatchResponse], _ stream: WatchStreamID, _ member: SimulatedMember, _ number: Int
  ) {
    guard responses.contains(where: \.bringsEvents) else { return }
    let count = member.refusedWatches[stream, default: 0] + 1
    member.refusedWatches[stream] = count
    check(
      count > 1
        ? "\(member.name) makes answer after answer for w\(number), which reads nothing" : nil)
  }

  private func send(_ news: WatchNews, to number: Int) {
    let delay = watchers[number].dice.duration(in: .microseconds(20)..<(.microseconds(300)))
    let arrival = max(watchers[number].lastArrival, now + delay)
    watchers[number].lastArrival = arrival
    queue.push(.watchNews(number, watchers[number].stream, news), at: arrival)
  }

  /// The process ends: what was sent before may still arrive, and then the stream is gone.
  func breakWatches(of member: SimulatedMember) {
    for stream in member.watchStreams.keys.sorted() {
      if let number = member.watchStreams[stream] { send(.ended, to: number) }
    }
    member.watchStreams = [:]
  }

  // MARK: Calm

  /// Everybody reads again, and gets all that is owed, at any member.
  func demandWatches() {
    guard violation == nil, !watchers.isEmpty else { return }
    guard let leader = commonLeader else { return fail("the leader is lost in calm") }
    let served = leader.log.configuration.members.compactMap { positionOf[$0.id] }
    for number in watchers.indices {
      block(number, false)
      // Who watches at a member that was removed goes elsewhere, as do those without a stream.
      guard watchers[number].stream.number == 0 || !served.contains(watchers[number].member)
      else { continue }
      let place = served[watchers[number].dice.index(below: served.count)]
      connect(number, anew: watchers[number].next == 0, at: place)
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

  private func hasEverything(_ number: Int) -> Bool {
    let watcher = watchers[number]
    guard watcher.isCreated, watcher.stream.number != 0 else { return false }
    return !checks.watchGuarantees.owes(watcher.request, from: watcher.next)
  }
}

extension WatchResponse {
  fileprivate var bringsEvents: Bool {
    if case .events = content { true } else { false }
  }
}
