import Base
import Testing

@testable import Member

/// A disk in memory, and clients that take what the test lets them take.
private struct MemoryPorts: BackupPorts {
  struct Copy {
    let call: UInt64
    var written = 0
    var sent = 0
  }

  /// Pieces in which a state is copied, and messages in which a copy is sent.
  var pieces = 3
  var messages = 4
  var copyBytes: UInt64 = 1_000
  var free: UInt64 = 10_000
  /// What the next use of the disk comes to.
  var fault: BackupFault?
  /// Messages that each client takes before it is full; a call without a number takes all.
  var room: [UInt64: Int] = [:]

  /// Every source that was closed, in order, as often as it was.
  var closed: [String] = []
  var files: Set<UInt64> = []
  var taken: [UInt64: [Int]] = [:]
  var ends: [UInt64: [BackupEnd]] = [:]

  mutating func freeBytes() throws(BackupFault) -> UInt64 {
    try use()
    return free
  }

  mutating func makeCopy(_ call: UInt64, of source: String) throws(BackupFault) -> Copy {
    try use()
    files.insert(call)
    return Copy(call: call)
  }

  mutating func write(_ copy: inout Copy, from source: String) throws(BackupFault) -> Bool {
    #expect(!closed.contains(source), "\(source) is read after its end")
    try use()
    copy.written += 1
    return copy.written == pieces
  }

  mutating func next(of copy: inout Copy) throws(BackupFault) -> Int? {
    #expect(copy.written == pieces, "a copy is sent before it is complete")
    try use()
    guard copy.sent < messages else { return nil }
    copy.sent += 1
    return copy.sent
  }

  mutating func remove(_ copy: Copy) {
    #expect(files.remove(copy.call) != nil, "a copy is removed twice")
  }

  mutating func close(_ source: String) { closed.append(source) }

  mutating func send(_ message: Int, on call: UInt64) -> Bool {
    if let left = room[call] {
      guard left > 0 else { return false }
      room[call] = left - 1
    }
    taken[call, default: []].append(message)
    return true
  }

  mutating func end(_ call: UInt64, _ end: BackupEnd) { ends[call, default: []].append(end) }

  private mutating func use() throws(BackupFault) {
    if let fault = fault.take() { throw fault }
  }
}

/// How a copy is made and handed out, and when its source is closed.
@Suite struct BackupLaneTests {
  private struct Bench {
    var lane: BackupLane<MemoryPorts>
    var ports = MemoryPorts()
    var now = Instant.zero + .seconds(100)
    /// What the apply lane was told altogether.
    var closedSources = 0

    init(_ change: (inout BackupSettings) -> Void = { _ in }) {
      var settings = BackupSettings()
      settings.sparedBytes = 500
      change(&settings)
      lane = BackupLane(settings: settings)
    }

    @discardableResult
    mutating func turn(_ letters: BackupLetter<String>...) -> BackupOutput {
      var out = BackupOutput()
      lane.turn(letters, at: now, ports: &ports, out: &out)
      closedSources += out.closedSources
      #expect(closedSources == ports.closed.count)
      return out
    }

    /// Turns as long as the lane wants one at once. Returns the last.
    @discardableResult
    mutating func work(_ letters: BackupLetter<String>...) -> BackupOutput {
      var out = BackupOutput()
      out.wakeAt = now
      for letter in letters { out = turn(letter) }
      for _ in 0..<100 where out.wakeAt <= now { out = turn() }
      #expect(out.wakeAt > now, "the lane does not come to rest")
      return out
    }
  }

  private static func opened(_ call: UInt64) -> BackupLetter<String> {
    .opened(call, TransferBox("state \(call)"))
  }

  @Test func `a state is copied, its source closed, and then the copy sent`() {
    var bench = Bench()
    #expect(bench.turn(.ask(1)).openings == [1])
    bench.turn(Self.opened(1))
    #expect(bench.ports.files == [1])
    #expect(bench.turn().closedSources == 0)
    #expect(bench.turn().closedSources == 1)
    #expect(bench.ports.taken.isEmpty, "one piece of work in a turn")
    let last = bench.work()
    #expect(bench.ports.taken == [1: [1, 2, 3, 4]])
    #expect(bench.ports.ends == [1: [.complete]])
    #expect(bench.ports.closed == ["state 1"])
    #expect(bench.ports.files.isEmpty)
    #expect(last.wakeAt == .distantFuture)
    #expect(bench.lane.count == 0)
  }

  @Test func `backups take turns of a bounded number of messages`() {
    var bench = Bench { $0.turnMessages = 2 }
    bench.ports.pieces = 1
    bench.turn(.ask(1), .ask(2), Self.opened(1), Self.opened(2))
    #expect(bench.ports.taken.isEmpty)
    let out = bench.turn()
    #expect(bench.ports.taken == [1: [1, 2], 2: [1, 2]])
    #expect(out.wakeAt == bench.now)
    bench.work()
    #expect(bench.ports.ends == [1: [.complete], 2: [.complete]])
  }

  @Test func `one call too many is refused, and the place of one that has ended is free`() {
    var bench = Bench()
    #expect(bench.turn(.ask(1), .ask(2), .ask(3)).openings == [1, 2])
    #expect(bench.ports.ends == [3: [.tooMany]])
    bench.turn(.gone(1))
    #expect(bench.turn(.ask(4)).openings == [4])
  }

  @Test func `a disk without room refuses the copy and lets go of the source`() {
    var bench = Bench()
    bench.ports.free = 1_499
    bench.turn(.ask(1), Self.opened(1))
    #expect(bench.ports.ends == [1: [.noRoom(freeBytes: 1_499, neededBytes: 1_500)]])
    #expect(bench.ports.closed == ["state 1"])
    #expect(bench.ports.files.isEmpty)
    bench.ports.free = 1_500
    bench.turn(.ask(2))
    bench.work(Self.opened(2))
    #expect(bench.ports.ends[2] == [.complete])
  }

  /// Whatever goes wrong, and wherever: the source is closed once, and no file is left.
  @Test(arguments: 1...8)
  func `a fault ends the backup, and nothing of it is left`(place: Int) {
    for (fault, end) in [
      (BackupFault.copy(reason: "no space"), BackupEnd.copyFailed(reason: "no space")),
      (.disk, .stopped),
    ] {
      var bench = Bench { $0.turnMessages = 1 }
      bench.turn(.ask(1))
      // The copy is made, three pieces are written, and each message is a turn.
      var letters = [Self.opened(1)]
      for step in 1...place {
        if step == place { bench.ports.fault = fault }
        if let letter = letters.popLast() { bench.turn(letter) } else { bench.turn() }
      }
      bench.work()
      #expect(bench.ports.ends == [1: [end]])
      #expect(bench.ports.closed == ["state 1"])
      #expect(bench.ports.files.isEmpty)
    }
  }

  @Test func `while the table is replaced there is nothing to copy`() {
    var bench = Bench()
    bench.turn(.ask(1))
    let out = bench.turn(.opened(1, nil))
    #expect(bench.ports.ends == [1: [.moved]])
    #expect(out.closedSources == 0)
  }

  // MARK: Clients that leave

  @Test func `a client that goes away before the state is opened leaves it to be closed`() {
    var bench = Bench()
    bench.turn(.ask(1), .gone(1))
    #expect(bench.closedSources == 0)
    #expect(bench.turn(Self.opened(1)).closedSources == 1)
    #expect(bench.ports.files.isEmpty && bench.ports.ends.isEmpty)
  }

  @Test func `a client that goes away leaves no file and no source`() {
    for turns in 0...4 {
      var bench = Bench()
      bench.ports.room[1] = 1
      bench.turn(.ask(1), Self.opened(1))
      for _ in 0..<turns { bench.turn() }
      #expect(bench.ports.files == [1])
      bench.turn(.gone(1))
      // What it was asked before it went comes late.
      bench.turn(.writable(1), .gone(1))
      #expect(bench.ports.closed == ["state 1"])
      #expect(bench.ports.files.isEmpty && bench.ports.ends.isEmpty)
    }
  }

  @Test func `a member that stops ends every call and lets go of everything`() {
    var bench = Bench { $0.limit = 3 }
    bench.ports.room[1] = 0
    bench.turn(.ask(1))
    bench.work(Self.opened(1))
    bench.turn(.ask(2), .ask(3), Self.opened(3))
    #expect(bench.ports.files == [1, 3])
    var out = BackupOutput()
    bench.lane.close(ports: &bench.ports, out: &out)
    #expect(bench.ports.ends == [1: [.stopped], 2: [.stopped], 3: [.stopped]])
    #expect(bench.ports.files.isEmpty)
    #expect(bench.ports.closed == ["state 1", "state 3"])
    #expect(out.closedSources == 1)
  }

  // MARK: Time

  @Test func `a copy may take longer than the client's patience`() {
    var bench = Bench()
    bench.turn(.ask(1), Self.opened(1))
    for _ in 1..<bench.ports.pieces {
      bench.now = bench.now + .seconds(600)
      bench.turn()
    }
    bench.work()
    #expect(bench.ports.ends == [1: [.complete]])
  }

  @Test func `a client that takes nothing for a minute is ended, and not before`() {
    var bench = Bench()
    bench.ports.room[1] = 2
    bench.turn(.ask(1))
    let out = bench.work(Self.opened(1))
    #expect(out.wakeAt == bench.now + .seconds(60))
    // It reads nothing, and no source is open for that: rows may be purged.
    #expect(bench.ports.closed == ["state 1"])
    bench.now = bench.now + (.seconds(60) - .nanoseconds(1))
    #expect(bench.turn().wakeAt == out.wakeAt)
    #expect(bench.ports.ends.isEmpty)
    bench.now = out.wakeAt
    bench.turn()
    #expect(bench.ports.ends == [1: [.stalled]])
    #expect(bench.ports.files.isEmpty)
  }

  @Test func `each message that is taken begins the minute again`() {
    var bench = Bench()
    bench.ports.room[1] = 0
    bench.turn(.ask(1))
    bench.work(Self.opened(1))
    for message in 1...4 {
      bench.now = bench.now + .seconds(59)
      bench.ports.room[1] = 1
      bench.work(.writable(1))
      #expect(bench.ports.taken[1]?.count == message)
    }
    #expect(bench.ports.ends == [1: [.complete]])
  }

  @Test func `being writable without taking anything does not begin it again`() {
    var bench = Bench()
    bench.ports.room[1] = 0
    bench.turn(.ask(1))
    bench.work(Self.opened(1))
    bench.now = bench.now + .seconds(59)
    let out = bench.work(.writable(1))
    #expect(out.wakeAt == bench.now + .seconds(1))
    bench.now = out.wakeAt
    bench.turn()
    #expect(bench.ports.ends == [1: [.stalled]])
  }

  /// A stalled disk makes a turn long. What the client did meanwhile counts first, and the time
  /// before it was refused does not.
  @Test func `a long turn is not the client's fault`() {
    var bench = Bench()
    bench.ports.pieces = 1
    bench.ports.room[1] = 0
    bench.turn(.ask(1), Self.opened(1))
    // Refused in this turn, which takes ten minutes.
    bench.turn()
    bench.now = bench.now + .seconds(600)
    #expect(bench.turn().wakeAt == bench.now + .seconds(60))
    bench.now = bench.now + .seconds(600)
    bench.ports.room[1] = 10
    bench.work(.writable(1))
    #expect(bench.ports.ends == [1: [.complete]])
  }

  @Test func `a state that is not opened in time ends the call, and is closed when it comes`() {
    var bench = Bench()
    let out = bench.turn(.ask(1))
    #expect(out.wakeAt == bench.now + .seconds(60))
    bench.now = out.wakeAt + .nanoseconds(-1)
    bench.turn()
    #expect(bench.ports.ends.isEmpty)
    bench.now = out.wakeAt
    #expect(bench.turn().wakeAt == .distantFuture)
    #expect(bench.ports.ends == [1: [.notOpened]])
    // Its place is free before the state comes.
    #expect(bench.turn(.ask(2), .ask(3)).openings == [2, 3])
    #expect(bench.turn(Self.opened(1)).closedSources == 1)
    #expect(bench.ports.files.isEmpty)
    #expect(bench.ports.ends == [1: [.notOpened]])
  }

  @Test func `a state that comes together with its deadline is in time`() {
    var bench = Bench()
    bench.now = bench.turn(.ask(1)).wakeAt
    bench.work(Self.opened(1))
    #expect(bench.ports.ends == [1: [.complete]])
  }
}
