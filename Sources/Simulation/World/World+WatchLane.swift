import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// The watch lane of each member on virtual time, and the row reader that it asks.
extension World {
  /// Small bounds, so that each is met; small pieces, so that there are many.
  static var watchSettings: WatchSettings {
    var settings = WatchSettings()
    settings.hub.pieceRows = 8
    settings.hub.responseBytes = 256
    settings.progressInterval = .milliseconds(150)
    settings.stallLimit = .milliseconds(300)
    settings.checkInterval = .milliseconds(50)
    settings.retryPause = .milliseconds(2)
    return settings
  }

  static func leaderlessLimit(_ electionTimeout: Duration) -> Duration { electionTimeout * 3 }

  static func newWatchLane(electionTimeout: Duration) -> WatchLane<SimulatedWatchPorts> {
    WatchLane(settings: watchSettings, leaderlessLimit: leaderlessLimit(electionTimeout))
  }

  /// A loop that is slow loses batches.
  static func newWatchFeed() -> ChangeFeed { ChangeFeed(limitBytes: 2 << 10) }

  /// What a turn of a client loop that is slow may take.
  static let slowWatchTurn = Duration.milliseconds(20)

  // MARK: The lane

  func post(_ letter: WatchLetter, from sender: LaneSender, to member: SimulatedMember) {
    member.watchInbox.append(letter, from: sender)
    scheduleWatches(member)
  }

  /// A watcher's letter.
  func post(_ letter: WatchLetter, _ member: SimulatedMember) {
    post(letter, from: .clients, to: member)
  }

  func feedWatches(_ batch: ChangeBatch, _ member: SimulatedMember) {
    member.watchFeed.offer(batch)
    scheduleWatches(member)
  }

  private func scheduleWatches(_ member: SimulatedMember) {
    let isSlow = member.watchDice.chance(1, in: 20)
    let bound = isSlow ? World.slowWatchTurn : .microseconds(200)
    scheduleWatches(
      member, at: now + member.watchDice.duration(in: .microseconds(10)..<bound))
  }

  private func scheduleWatches(_ member: SimulatedMember, at instant: Instant) {
    guard instant < member.watchTurnAt else { return }
    member.watchTurnAt = instant
    queue.push(.watchTurn(member.position, member.boot), at: instant)
  }

  func watchTurn(_ member: SimulatedMember) {
    guard member.watchTurnAt <= now, member.isRunning, !member.hasFailed else { return }
    member.watchTurnAt = .distantFuture
    var letters = member.watchInbox.drain(&member.watchDice)
    let batches = member.watchFeed.drain().map { WatchLetter.changed($0) }
    letters = member.watchDice.chance(1, in: 2) ? letters + batches : batches + letters
    var ports = SimulatedWatchPorts(world: self, member: member)
    var out = WatchLaneOutput()
    member.watchLane.turn(letters, at: now, ports: &ports, out: &out)
    deliver(out, member)
    if !member.watchInbox.isEmpty { scheduleWatches(member) }
    if out.wakeAt < .distantFuture { scheduleWatches(member, at: max(out.wakeAt, now)) }
  }

  private func deliver(_ out: WatchLaneOutput, _ member: SimulatedMember) {
    if let isListening = out.isListening {
      post(.listen(loop: 0, isListening), from: .watches, to: member)
    }
    if let (request, view) = out.read {
      demandReader(member)
      post(.changes(request, view), member)
    }
    if out.wantsView { post(.show(.watches(loop: 0)), from: .watches, to: member) }
  }

  /// A stream that takes nothing has its past read once, and then no more until it takes again:
  /// else a client that does not read would cost as much as one that does.
  private func demandReader(_ member: SimulatedMember) {
    let isForNobody = member.watchStreams.keys.allSatisfy { member.refusingSince[$0] != nil }
    member.readsForNobody = isForNobody ? member.readsForNobody + 1 : 0
    check(
      member.readsForNobody > member.watchStreams.count + 1
        ? "\(member.name) reads the store over and over for watches that take nothing" : nil)
  }

  /// The client takes again, or is gone. False: it has refused nothing.
  @discardableResult
  func stopRefusing(_ stream: WatchStreamID, _ member: SimulatedMember) -> Bool {
    member.readsForNobody = 0
    return member.refusingSince.removeValue(forKey: stream) != nil
  }

  func send(_ news: WatchNews, to number: Int) {
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

  // MARK: The row reader

  func post(_ letter: ReaderLetter, _ member: SimulatedMember) {
    member.readerLetters.append(letter)
    guard member.readerLetters.count == 1 else { return }
    let delay = weather.apply.draw(&member.watchDice) * (1 + member.watchDice.index(below: 8))
    after(delay, .readerTurn(member.position, member.boot))
  }

  func readerTurn(_ member: SimulatedMember) {
    let letters = member.readerLetters
    member.readerLetters = []
    for letter in letters {
      guard !member.hasFailed else { return }
      do { try take(letter, member) } catch { return stateFails(member, error) }
    }
  }

  private func take(_ letter: ReaderLetter, _ member: SimulatedMember) throws {
    guard let reader = member.readers?.rows else {
      preconditionFailure("\(member.name) reads without a reader")
    }
    switch letter {
    case .adopt(let new):
      reader.close()
      member.readers?.rows = new
      member.rowCache = RowCache(limitBytes: 64 << 10)
      post(.removeGenerations(before: new.generation), member)
    case .changes(let request, let view):
      let answer = try request.piece(
        of: view, generation: reader.generation, cache: &member.rowCache, reading: reader)
      if case .failure(.notNow) = answer { member.readsForNobody = 0 }
      post(.read(answer), from: .reader, to: member)
    }
  }
}

/// What a simulated member's lanes read the rows of one generation with.
struct SimulatedReaders {
  var rows: any StateReader
  var scrub: any StateReader

  init(of state: any StateStore) throws(StorageError) {
    (rows, scrub) = (try state.openReader(), try state.openReader())
  }

  func close() {
    rows.close()
    scrub.close()
  }
}

/// What a member's row reader is told.
enum ReaderLetter {
  /// Another generation.
  case adopt(any StateReader)
  case changes(ChangeRequest, ReadView)
}

/// The watchers at one member, as its watch lane reaches them.
struct SimulatedWatchPorts: WatchPorts {
  let world: World
  let member: SimulatedMember

  var revision: Int64 { member.view?.meta.revision ?? 0 }
  var standing: WatchStanding { member.watchStanding }

  func look() -> ReadView? { member.view?.look() }

  func encoding(of changes: WatchChanges) -> WatchChanges { changes }

  func message(_ response: WatchResponse, _ changes: inout WatchChanges) -> WatchNews {
    switch response.content {
    case .events: preconditionFailure("events without changes")
    case .progress: .progress(response.revision)
    case .created: .created(current: response.revision)
    case .refused: .refused
    case .compacted(let revision): .compacted(revision)
    case .cancelled, .ended: .cancelled
    }
  }

  func offer(
    _ events: WatchEvents, of response: WatchResponse, _ changes: inout WatchChanges
  ) -> WatchOffer<WatchNews> {
    var told: [ChangePiece.Change] = []
    for position in events.positions {
      guard events.previousPairs else {
        told.append(.init(row: changes.row(at: position), previous: nil))
        continue
      }
      guard let change = changes.changeWithPrevious(at: position, view: look) else {
        return .notInMemory
      }
      told.append(change)
    }
    let news = WatchNews.events(told, header: response.revision)
    return send(news, on: response.stream) ? .taken(events: told.count, rest: []) : .refused
  }

  func send(_ news: WatchNews, on stream: WatchStreamID) -> Bool {
    guard let number = member.watchStreams[stream] else { return true }
    guard !world.watchers[number].isBlocked else {
      if member.refusingSince[stream] == nil { member.refusingSince[stream] = world.now }
      return false
    }
    world.send(news, to: number)
    return true
  }

  func end(_ stream: WatchStreamID, _ end: WatchEnd, last: [WatchNews]) {
    guard let number = member.watchStreams.removeValue(forKey: stream) else { return }
    world.stopRefusing(stream, member)
    for news in last { world.send(news, to: number) }
    world.send(.ended, to: number)
  }
}
