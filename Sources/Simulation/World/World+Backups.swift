import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// Clients that ask members for backups, and the backup lane of each member on virtual time.
extension World {
  static var backupSettings: BackupSettings {
    var settings = BackupSettings()
    settings.openingLimit = .milliseconds(400)
    settings.stallLimit = .milliseconds(200)
    settings.turnMessages = 4
    settings.sparedBytes = 1
    return settings
  }

  // MARK: The clients

  func startBackups() {
    guard let span = weather.backups else { return }
    after(span.draw(&backupDice), .backupAsk)
  }

  /// One more client asks a member for a backup, if the member serves any.
  func askForBackup() {
    guard !isCalm else { return }
    startBackups()
    let member = members[backupDice.index(below: members.count)]
    guard member.isRunning, !member.isPaused, !member.hasFailed, !isFenced(member) else { return }
    member.lastBackup += 1
    let habits = BackupReader.Habit.allCases
    let habit = habits[backupDice.index(below: habits.count)]
    member.backupReaders[member.lastBackup] = BackupReader(habit: habit)
    post(.ask(member.lastBackup), member)
    pauseReader(member.lastBackup, member)
  }

  /// Shorter than the patience of the lane.
  private func pauseReader(_ call: UInt64, _ member: SimulatedMember) {
    let pause = backupDice.duration(in: .milliseconds(1)..<World.backupSettings.stallLimit / 2)
    after(pause, .backupRead(member.position, member.boot, call))
  }

  func readBackup(_ call: UInt64, _ member: SimulatedMember) {
    guard let reader = member.backupReaders[call] else { return }
    switch reader.habit {
    case .reads, .readsSlowly:
      let isSlow = reader.habit == .readsSlowly
      member.backupReaders[call]!.room = isSlow ? 1 : 1_000
      post(.writable(call), member)
      pauseReader(call, member)
    case .stopsReading: break
    case .leaves:
      member.backupReaders[call] = nil
      post(.gone(call), member)
    }
  }

  /// False: the client does not take it now.
  fileprivate func send(_ message: Int, on call: UInt64, _ member: SimulatedMember) -> Bool {
    guard var reader = member.backupReaders[call] else { return false }
    defer { member.backupReaders[call] = reader }
    guard reader.room > 0 else {
      if reader.owesSince == nil { reader.owesSince = now }
      return false
    }
    (reader.room, reader.owesSince) = (reader.room - 1, nil)
    if message != reader.taken + 1 {
      fail("\(member.name) sends message \(message) of a backup after message \(reader.taken)")
    }
    reader.taken = message
    return true
  }

  fileprivate func end(_ call: UInt64, _ end: BackupEnd, _ member: SimulatedMember) {
    guard let reader = member.backupReaders.removeValue(forKey: call) else { return }
    tell(member, "ends a backup: \(end)")
    switch end {
    case .complete: counts.backups += 1
    case .stalled:
      guard reader.owesSince.map({ now - $0 < World.backupSettings.stallLimit }) ?? true else {
        return
      }
      fail("\(member.name) gives up a backup whose client owes nothing, or not for long")
    case .tooMany, .moved, .notOpened, .noRoom, .copyFailed, .stopped: break
    }
  }

  // MARK: The lane

  func post(_ letter: BackupLetter<any SnapshotSource>, _ member: SimulatedMember) {
    member.backupLetters.append(letter)
    scheduleBackup(member, at: now + weather.apply.draw(&backupDice))
  }

  func scheduleBackup(_ member: SimulatedMember, at instant: Instant) {
    guard instant < member.backupTurnAt else { return }
    member.backupTurnAt = instant
    queue.push(.backupTurn(member.position, member.boot), at: instant)
  }

  func backupTurn(_ member: SimulatedMember) {
    guard member.backupTurnAt <= now, member.isRunning, !member.hasFailed else { return }
    member.backupTurnAt = .distantFuture
    guard member.stalledUntil <= now else { return scheduleBackup(member, at: member.stalledUntil) }
    let letters = member.backupLetters
    member.backupLetters = []
    var ports = SimulatedBackupPorts(world: self, member: member)
    var out = BackupOutput()
    member.backupLane.turn(letters, at: now, ports: &ports, out: &out)
    for call in out.openings { post(.openSnapshot(.client(call)), from: .backups, to: member) }
    for _ in 0..<out.closedSources { post(.snapshotClosed, from: .backups, to: member) }
    if out.wakeAt <= now {
      let delay = weather.apply.draw(&backupDice) * member.diskSlowness
      scheduleBackup(member, at: now + delay)
    } else if out.wakeAt < .distantFuture {
      scheduleBackup(member, at: out.wakeAt)
    }
  }

  // MARK: Calm

  /// Nobody asks any more: no state stays open, and nobody who has stopped reading is waited for.
  func demandBackups() {
    guard violation == nil, weather.backups != nil else { return }
    let patience = World.backupSettings.openingLimit + World.backupSettings.stallLimit
    let limit = now + patience + weather.settings.raft.electionTimeout * Simulator.serviceLimit
    let isDone = run(until: limit) {
      !members.contains { $0.holdsRows || $0.waitsForNobody }
    }
    guard violation == nil, !isDone else { return }
    for member in members where member.holdsRows {
      return fail("\(member.name) holds rows for a snapshot in calm")
    }
    fail("a member keeps a backup in calm that nobody reads")
  }
}

extension SimulatedMember {
  /// The apply lane waits for a snapshot to be closed, and purges nothing.
  fileprivate var holdsRows: Bool { isRunning && applyLane?.openSnapshots ?? 0 > 0 }

  /// A backup is kept for a client that has stopped reading.
  fileprivate var waitsForNobody: Bool {
    isRunning && backupReaders.values.contains { $0.habit == .stopsReading }
  }
}

/// A client at the other end of a backup.
struct BackupReader {
  enum Habit: CaseIterable {
    case reads, readsSlowly, stopsReading, leaves
  }

  let habit: Habit
  /// Messages that it takes before it refuses one.
  var room = 1
  /// The last message that it has taken; zero: none.
  var taken = 0
  /// Since when a message waits for it; `nil`: none does.
  var owesSince: Instant?
}

/// A simulated disk and the clients, as the backup lane reaches them.
struct SimulatedBackupPorts: BackupPorts {
  /// The copy is a state that nobody installs: to finish it proves every row of it.
  struct Copy {
    let sink: any SnapshotSink
    var chunks = 0
    var sent = 0
  }

  let world: World
  let member: SimulatedMember

  private var files: SimulatedSnapshotPorts {
    SimulatedSnapshotPorts(world: world, member: member)
  }

  var copyBytes: UInt64 { 0 }

  func freeBytes() throws(BackupFault) -> UInt64 { member.isFull ? 0 : 1 }

  func makeCopy(_ call: UInt64, of source: any SnapshotSource) throws(BackupFault) -> Copy {
    try copying { () throws(SnapshotFault) in Copy(sink: try files.makeArrival()) }
  }

  func write(_ copy: inout Copy, from source: any SnapshotSource) throws(BackupFault) -> Bool {
    let sink = copy.sink
    let chunk = try copying { () throws(SnapshotFault) in
      let chunk = try files.next(of: source, limitBytes: world.weather.chunkBytes)
      if let chunk {
        try files.write(chunk, to: sink)
      } else {
        _ = try files.finish(sink)
        files.abandon(sink)
      }
      return chunk
    }
    if chunk != nil {
      copy.chunks += 1
      return false
    }
    // The rows are those of one applied entry, and every member agrees on what they are then.
    world.check(world.checks.stateAgreement.violation(member: member.id, state: source.meta))
    return true
  }

  func next(of copy: inout Copy) throws(BackupFault) -> Int? {
    guard copy.sent < copy.chunks else { return nil }
    copy.sent += 1
    return copy.sent
  }

  func remove(_ copy: Copy) { files.abandon(copy.sink) }

  func close(_ source: any SnapshotSource) { source.close() }

  func send(_ message: Int, on call: UInt64) -> Bool { world.send(message, on: call, member) }

  func end(_ call: UInt64, _ end: BackupEnd) { world.end(call, end, member) }

  private func copying<Result>(
    _ body: () throws(SnapshotFault) -> Result
  ) throws(BackupFault) -> Result {
    do throws(SnapshotFault) { return try body() } catch {
      switch error {
      case .refused(let reason): throw .copy(reason: "\(reason)")
      case .disk: throw .disk
      }
    }
  }
}
