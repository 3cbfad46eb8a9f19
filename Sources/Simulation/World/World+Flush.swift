import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// The flush lane of each member, on virtual time; and the space that its disk has.
extension World {
  var flushSettings: FlushLane<SimulatedFlushPorts>.Settings {
    var settings = FlushLane<SimulatedFlushPorts>.Settings()
    settings.interval = weather.flushInterval
    settings.purgeInterval = weather.flushInterval / 4
    settings.largeBatch = 32
    return settings
  }

  func post(
    _ letter: FlushLetter<any StateStore>, from sender: LaneSender, to member: SimulatedMember
  ) {
    member.flushInbox.append(letter, from: sender)
    scheduleFlush(member, at: now + weather.apply.draw(&member.laneDice))
  }

  func scheduleFlush(_ member: SimulatedMember, at instant: Instant) {
    guard instant < member.flushTurnAt else { return }
    member.flushTurnAt = instant
    queue.push(.flushTurn(member.position, member.boot), at: instant)
  }

  func flushTurn(_ member: SimulatedMember) {
    guard member.flushTurnAt <= now, !member.hasFailed, member.isRunning else { return }
    member.flushTurnAt = .distantFuture
    guard member.stalledUntil <= now else { return scheduleFlush(member, at: member.stalledUntil) }
    guard var lane = member.flushLane else { return }
    var ports = SimulatedFlushPorts(world: self, member: member)
    var out = FlushOutput<SimulatedReaders, any SnapshotSource>()
    lane.turn(member.flushInbox.drain(&member.laneDice), at: now, ports: &ports, out: &out)
    member.flushLane = lane
    deliver(out, member)
    guard member.isRunning, !member.hasFailed else { return }
    if !member.flushInbox.isEmpty || out.wakeAt <= now {
      let delay = weather.sync.draw(&member.laneDice) * member.diskSlowness
      scheduleFlush(member, at: now + delay)
    } else if out.wakeAt < .distantFuture {
      scheduleFlush(member, at: out.wakeAt)
    }
  }

  private func deliver(
    _ out: FlushOutput<SimulatedReaders, any SnapshotSource>, _ member: SimulatedMember
  ) {
    if let error = out.fault { return stateFails(member, error) }
    for letter in out.letters { post(letter, from: .flush, to: member) }
    for opened in out.opened {
      switch opened.asker {
      case .follower(let request): self.opened(request, opened.source, member)
      case .client(let call): post(.opened(call, opened.source), member)
      }
    }
    for report in out.reports {
      switch report {
      case .durableApplied(let index): step(member, .durableApplied(index))
      case .storeSize(let bytes):
        // In calm everything must be taken.
        if !isCalm { step(member, .storeSize(bytes)) }
      }
    }
  }

  // MARK: Space

  private static let spaceInterval = Duration.milliseconds(50)

  /// Lets the log look now and then how much space is left.
  func spaceTurn(_ member: SimulatedMember) {
    after(weather.flushInterval, .spaceTurn(member.position, member.boot))
    guard member.disk.files != nil, !member.hasFailed, member.nextSpaceLook <= now else { return }
    member.nextSpaceLook = now + World.spaceInterval
    post(.lookAtSpace, member)
  }
}

/// One member's state file, as its flush lane reaches it.
struct SimulatedFlushPorts: FlushPorts {
  let world: World
  let member: SimulatedMember

  private var state: any StateStore {
    guard let state = member.state else { preconditionFailure("\(member.name) has no state") }
    return state
  }

  var generation: UInt64 { state.generation }
  var durableApplied: LogIndex { state.durableApplied }
  var usedBytes: UInt64 { state.usedBytes }
  var wantsMaintenance: Bool { state.wantsMaintenance && !member.isTendingHeldUp }
  var hasGivenBackAll: Bool { state.hasGivenBackAll }

  func write(_ batch: FlushBatch) throws {
    world.check(world.checks.appliedDurable.violation(member.id, batch.meta, member.durable.log))
    try world.using(member, .flush) { () throws(StorageError) in try state.flush(batch) }
  }

  /// Now and then a reader holds it up.
  func maintain() throws -> Duration {
    member.isTendingHeldUp = !member.laneDice.chance(world.weather.tendPerThousand, in: 1_000)
    guard !member.isTendingHeldUp else { return .zero }
    try world.using(member, .checkpoint) { () throws(StorageError) in try state.maintain() }
    return world.weather.sync.draw(&member.laneDice) * member.diskSlowness
  }

  func giveBackAll() { state.giveBackAll() }

  func openSnapshot() throws -> any SnapshotSource {
    try world.using(member, nil) { () throws(StorageError) in try state.openSnapshot() }
  }

  /// The old generation's file goes with the last that has it open.
  func adopt(_ new: any StateStore) throws -> AdoptedState<SimulatedReaders> {
    member.state = new
    let (store, readers) = try world.using(member, .move) { () throws(StorageError) in
      (try new.load(), try SimulatedReaders(of: new))
    }
    let meta = store.meta
    world.check(world.checks.stateAgreement.violation(member: member.id, state: meta))
    return AdoptedState(store: store, readers: readers)
  }
}
