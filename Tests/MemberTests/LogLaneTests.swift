import Member
import Raft
import Testing

/// A disk that notes what it is asked, and fails when it is told to.
private struct NotingDisk: LogPorts {
  var asked: [String] = []
  var isShort = false
  /// The action that fails, and what comes after it.
  var failing: String?

  private mutating func note(_ action: String) throws(LogFault) {
    asked.append(action)
    if action == failing { throw .disk }
  }

  mutating func commit(_ writes: [StorageWrite]) throws(LogFault) {
    try note("commit \(writes.map { "\($0.ticket.number)" }.joined(separator: " "))")
  }

  mutating func entries(_ fetch: LogFetch) throws(LogFault) -> [Entry] {
    try note("read \(fetch.first.number)")
    return [Entry(id: EntryID(term: Term(1), index: fetch.first), content: .noop)]
  }

  mutating func form(_ formation: Formation) throws(LogFault) { try note("form") }

  mutating func openState() throws(LogFault) -> String {
    try note("open")
    return "the state"
  }

  mutating func removeGenerations(before generation: UInt64) throws(LogFault) {
    try note("remove before \(generation)")
  }

  mutating func retire() throws(LogFault) { try note("retire") }

  mutating func isShortOfSpace() throws(LogFault) -> Bool {
    try note("look")
    return isShort
  }

  mutating func maintain() throws(LogFault) { try note("maintain") }
}

/// A lane on that disk, and what it has told so far.
private struct Bench {
  var lane = LogLane<NotingDisk>()
  var disk = NotingDisk()
  var reports: [LogReport] = []
  /// What was told when each thing was asked of the disk.
  var told: [Int] = []
  var opened: [OpenedState<String>] = []

  /// Works a batch off.
  mutating func work(_ letters: [LogLetter]) {
    var batch = letters[...]
    var goesOn = true
    while goesOn {
      var out = LogLaneOutput<String>()
      let before = disk.asked.count
      goesOn = lane.turn(&batch, ports: &disk, out: &out)
      if disk.asked.count > before { told.append(reports.count) }
      reports += out.reports
      opened += out.opened
    }
    #expect(batch.isEmpty, "a letter is left over")
  }

  mutating func takeReports() -> [LogReport] {
    defer { reports = [] }
    return reports
  }
}

@Suite struct LogLaneTests {
  private let base = LogBase(
    last: EntryID(term: Term(2), index: LogIndex(9)), configuration: Configuration(members: []))
  private var formation: Formation { Formation(base: base, founding: .unknown) }

  private func write(_ number: UInt64, installs: LogBase? = nil) -> LogLetter {
    var write = StorageWrite(ticket: WriteTicket(number))
    write.install = installs
    return .write(write)
  }

  private func stored(_ number: UInt64) -> LogReport { .stored(WriteTicket(number)) }

  private func fetch(_ index: UInt64) -> LogFetch {
    LogFetch(first: LogIndex(index), last: LogIndex(index), limitBytes: 1)
  }

  @Test func `what waits is one commit, and its last write is reported`() {
    var bench = Bench()
    bench.work([write(1), write(2), write(3)])
    #expect(bench.disk.asked == ["commit 1 2 3", "maintain"])
    #expect(bench.takeReports() == [stored(3)])
    bench.work([write(4)])
    #expect(bench.disk.asked == ["commit 1 2 3", "maintain", "commit 4", "maintain"])
    #expect(bench.takeReports() == [stored(4)])
  }

  @Test func `a commit installs one snapshot, and begins with it`() {
    var bench = Bench()
    bench.work([write(1), write(2, installs: base), write(3), write(4, installs: base)])
    #expect(bench.disk.asked == ["commit 1", "commit 2 3", "commit 4", "maintain"])
    #expect(bench.takeReports() == [stored(1), stored(3), stored(4)])
  }

  @Test func `everything is done in its order, and each report leaves before the next work`() {
    var bench = Bench()
    bench.work([
      write(1), .fetch(fetch(1)), write(2), .openState(base), .removeGenerations(before: 2),
      .form(formation),
      .retire,
    ])
    #expect(
      bench.disk.asked
        == [
          "commit 1", "read 1", "commit 2", "open", "remove before 2", "form", "retire", "maintain",
        ])
    #expect(bench.told == [0, 1, 2, 3, 3, 3, 4, 5])
    let entry = Entry(id: EntryID(term: Term(1), index: LogIndex(1)), content: .noop)
    #expect(
      bench.takeReports()
        == [stored(1), .fetched(fetch(1), [entry]), stored(2), .formed(formation), .retired])
    #expect(bench.opened.map(\.base) == [base])
    #expect(bench.opened.first?.state.take() == "the state")
  }

  @Test func `space is reported when it has changed`() {
    var bench = Bench()
    bench.work([.lookAtSpace])
    #expect(bench.takeReports() == [])
    bench.disk.isShort = true
    bench.work([.lookAtSpace, write(1), .lookAtSpace])
    #expect(bench.takeReports() == [.spaceShort(true), stored(1)])
    bench.disk.isShort = false
    bench.work([.lookAtSpace])
    #expect(bench.takeReports() == [.spaceShort(false)])
  }

  /// Failures S3, S4: what had failed may be on the disk or not, so nothing may rest on it.
  @Test(arguments: ["commit 2", "read 1", "open", "look", "maintain"])
  func `after the disk has refused anything nothing is done or reported any more`(action: String) {
    var bench = Bench()
    bench.disk.failing = action
    bench.work([
      write(1), .openState(base), .fetch(fetch(1)), .lookAtSpace, write(2),
    ])
    #expect(bench.disk.asked.last == action)
    let reports = bench.takeReports()
    #expect(reports.contains(stored(1)))
    #expect(reports.contains(stored(2)) == (action == "maintain"))
    let asked = bench.disk.asked
    bench.disk.failing = nil
    bench.work([write(3), .lookAtSpace, .retire])
    bench.work([.form(formation)])
    #expect(bench.disk.asked == asked)
    #expect(bench.takeReports() == [])
  }
}
