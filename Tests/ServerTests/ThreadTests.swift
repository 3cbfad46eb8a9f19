import Foundation
import KeyValue
import Member
import Raft
import Replica
import Storage
import Synchronization
import Testing
import Wire

@testable import Handlers
@testable import Host
@testable import Server
@testable import Transport

/// What a thread told the others, in order.
final class Told<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  func append(_ element: Element) { elements.withLock { $0.append(element) } }

  var count: Int { elements.withLock { $0.count } }

  func take() -> [Element] {
    elements.withLock { elements in
      defer { elements = [] }
      return elements
    }
  }
}

extension MemberContext {
  /// Of a member whose loops look by themselves; it shows this state.
  fileprivate static func test(_ readView: ReadView, loops: Int = 1) -> MemberContext {
    MemberContext(
      published: PublishedState(
        readView: readView,
        view: PublishedState.View(
          cluster: 1, member: 1, raftTerm: 1, members: MemberDirectory([]))),
      metrics: Metrics(), exitLatch: ExitLatch(),
      inboxes: MemberInboxes(
        replica: .nobody, clients: Array(repeating: .nobody, count: loops)))
  }

  fileprivate func completions() -> [Completion] { inboxes.replica.completions.drain() }
}

/// The thread of the apply lane, turn by turn on the test's own thread.
@Suite struct ApplierTests {
  /// An applier on a store in memory, and everything it tells.
  private final class Bench {
    let me = MemberID(7)
    let boot = Boot(3)
    let member: MemberContext
    var applier: Applier

    init() throws {
      let store = MemoryStore(
        identity: Identity(cluster: 1, member: me, name: "n7", incarnation: Incarnation(1)))
      let start = try Flusher.load(try store.openState())
      member = .test(start.store.readView, loops: 2)
      applier = Applier(
        me: me, boot: boot, start: start, member, mark: nil)
    }

    /// Turn after turn until nothing is due; `look` after each.
    func work(_ letters: [Applier.Letter], _ look: () -> Void = {}) {
      var next = applier.turn(letters)
      look()
      while next <= MonotonicClock.now() {
        next = applier.turn([])
        look()
      }
    }

    /// `id`: of the request that has proposed it.
    func put(_ index: UInt64, by id: RequestID? = nil) -> Entry {
      let origin = CommandOrigin(
        member: me.number, boot: boot.number, sequence: id?.number ?? 0)
      let command = Command.put(PutRequest(key: [1], value: [2]))
      return Entry(
        id: EntryID(term: Term(1), index: LogIndex(index)),
        content: .command(CommandEnvelope(origin: origin, command: command).encoded()))
    }

    /// What the replica has been told.
    func told() -> [String] {
      member.completions().map { completion in
        if case .apply(.applied(through: let index, let completed, leases: _, upkeep: _)) =
          completion
        {
          "applied \(index.number): \(completed.count)"
        } else {
          "something else"
        }
      }
    }
  }

  /// Whoever is answered may read at once, anywhere on this member.
  @Test func `a turn tells each client loop its answers, all at once, and the state shows them`()
    throws
  {
    let bench = try Bench()
    let member = bench.member
    let numbers = member.inboxes.numbers
    var entries: [Entry] = []
    // More than are applied between two publications; every third is of the second loop, and some
    // are the member's own.
    for index in 1...600 as ClosedRange<UInt64> {
      let id =
        index % 100 == 0 ? numbers.ownID(index) : numbers.id(index, ofLoop: index % 3 == 0 ? 1 : 0)
      entries.append(bench.put(index, by: id))
    }
    var answered: [[RequestID]] = [[], []]
    var letters = 0
    bench.work([.entries(entries)]) {
      for loop in 0..<2 {
        for letter in member.inboxes.clients[loop].drain() {
          guard case .applied(let answers) = letter else {
            Issue.record("\(letter) is no batch of answers")
            continue
          }
          letters += 1
          answered[loop] += answers.map(\.id)
          for answer in answers {
            #expect(answer.result.revision <= member.published.readView?.revision ?? 0)
          }
        }
      }
    }
    #expect(letters == 6)
    let own = Set((1...6).map { $0 * 100 } as [UInt64])
    for loop in 0..<2 {
      let expected = (1...600 as ClosedRange<UInt64>)
        .filter { !own.contains($0) && ($0 % 3 == 0) == (loop == 1) }
      #expect(answered[loop] == expected.map { numbers.id($0, ofLoop: loop) })
    }
    #expect(bench.told() == ["applied 256: 256", "applied 512: 256", "applied 600: 88"])
  }

  @Test(arguments: [([99, 0, 0], 29), ([], 27)] as [([UInt8], Int32)])
  func `a command that cannot be read ends the member before it is applied`(
    _ bytes: [UInt8], _ code: Int32
  ) throws {
    let bench = try Bench()
    let unknown = Entry(
      id: EntryID(term: Term(1), index: LogIndex(2)), content: .command(bytes))
    bench.work([.entries([bench.put(1)])])
    bench.work([.entries([unknown, bench.put(3)])])
    bench.work([.entries([bench.put(4)])])
    #expect(bench.member.exitLatch.exit?.code == code)
    #expect(bench.member.published.meta.appliedIndex == 1)
    #expect(bench.told() == ["applied 1: 1"])
  }
}

/// The thread that writes the log, on a store whose disk fails.
@Suite struct LogThreadTests {
  @Test func `after a failed write nothing is acknowledged, and the member ends with its reason`()
    throws
  {
    let me = MemberID(1)
    let store = MemoryStore(
      identity: Identity(cluster: 1, member: me, name: "n1", incarnation: Incarnation(1)))
    let voter = Configuration.Member(
      id: me, incarnation: Incarnation(1), role: .voter, name: "n1", peerURLs: ["http://n1:2380"])
    let base = LogBase(last: .zero, configuration: Configuration(members: [voter]))
    try store.log.form(Formation(base: base, founding: .unknown))
    let member = MemberContext.test(
      try Flusher.load(try store.openState()).store.readView)
    let files = LogFiles(
      store: store, directory: StateFiles(directory: "/nowhere"), published: member.published,
      metrics: member.metrics, exitLatch: member.exitLatch)
    var thread = LogThread(files: files, member.inboxes)
    _ = thread.turn([.write(StorageWrite(ticket: WriteTicket(1)))])
    #expect(member.completions().count == 1)
    _ = store.failure.latch(.failed(file: "raft.db", action: "sync", reason: "EIO"))
    _ = thread.turn([.write(StorageWrite(ticket: WriteTicket(2)))])
    _ = thread.turn([.write(StorageWrite(ticket: WriteTicket(3)))])
    #expect(member.completions().isEmpty)
    #expect(member.exitLatch.exit?.code == 28)
    #expect(member.exitLatch.exit?.sentence.contains("raft.db") == true)
  }
}

/// Snapshots that arrive: each in a file of its own, made, written and given up on one thread.
@Suite struct ArrivalTests {
  /// A member's directory, its two threads, and a snapshot of 300 rows.
  private final class Bench {
    let path = NSTemporaryDirectory() + "quorate-arrivals-\(UInt64.random(in: 0 ... .max))"
    let directory: DataDirectory
    let member: MemberContext
    let applied = EntryID(term: Term(1), index: LogIndex(300))
    var log: LogThread
    var snapshots: SnapshotThread

    init() throws {
      let me = MemberID(1)
      directory = try DataDirectory(
        at: path, as: Claim(cluster: 1, member: me, name: "n1"),
        drawIncarnation: { Incarnation(1) })
      try directory.log.form(Formation(base: Self.base(.zero), founding: .unknown))
      let state = try directory.openState()
      member = .test(try Flusher.load(state).store.readView)
      log = LogThread(
        files: LogFiles(
          store: directory, directory: StateFiles(directory: path), published: member.published,
          metrics: member.metrics, exitLatch: member.exitLatch),
        member.inboxes)
      snapshots = SnapshotThread(store: directory, exitLatch: member.exitLatch, member.inboxes)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func base(_ last: EntryID) -> LogBase {
      let member = Configuration.Member(
        id: MemberID(1), incarnation: Incarnation(1), role: .voter, name: "n1",
        peerURLs: ["http://n1:2380"])
      return LogBase(last: last, configuration: Configuration(members: [member]))
    }

    private func source() throws -> any SnapshotSource {
      let other = MemoryStore(
        identity: Identity(
          cluster: 1, member: MemberID(2), name: "n2", incarnation: Incarnation(2)))
      let state = try other.openState()
      var store = Store(generation: 1)
      for index in UInt64(1)...300 {
        let put = PutRequest(
          key: Array("k\(index)".utf8), value: [UInt8](repeating: 7, count: 1_000))
        _ = try store.apply(index: index, term: 1, .put(put), reading: state)
      }
      while let batch = store.takeFlushBatch(limitBytes: 1 << 20) {
        try state.flush(batch)
        store.flushed(through: batch.meta.appliedIndex)
      }
      return try state.openSnapshot()
    }

    func order(_ orders: SnapshotOrder...) { _ = snapshots.turn(orders.map { .order($0) }) }

    /// Brings all of the snapshot to the thread.
    func send(_ stream: SnapshotStreamID) throws {
      let source = try source()
      while let chunk = try source.next(limitBytes: 1_024) {
        let length = UInt32(chunk.count)
        let head = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        order(.piece(stream, head + chunk))
      }
      order(.finish(stream))
    }

    /// The streams whose snapshot has arrived whole since the last time.
    func arrived() -> [SnapshotStreamID] {
      member.completions().compactMap { completion in
        if case .snapshot(.arrived(let stream, applied: _)) = completion { stream } else { nil }
      }
    }

    func files() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: path)
        .filter { $0.hasPrefix("state-") || $0.hasPrefix("arrival-") }.sorted()
    }
  }

  private func stream(_ number: UInt64) -> SnapshotStreamID {
    SnapshotStreamID(number, isDialed: false)
  }

  /// A connection breaks while the disk is slow, and the next snapshot begins: the first is given
  /// up when the second has its file already.
  @Test func `an arrival that is given up leaves the next one's file alone`() throws {
    let bench = try Bench()
    bench.order(.expect(stream(1)), .expect(stream(2)), .abandon(stream(1)))
    try bench.send(stream(2))
    #expect(bench.arrived() == [stream(2)])
    #expect(bench.member.exitLatch.exit == nil)
    #expect(try bench.files() == ["arrival-2.db", "state-1.db"])
    bench.order(.release(stream(2)))
    var write = StorageWrite(ticket: WriteTicket(1))
    write.install = Bench.base(bench.applied)
    _ = bench.log.turn([.write(write)])
    #expect(try bench.files() == ["state-1.db", "state-2.db"])
    #expect(try bench.directory.openState().meta.appliedIndex == 300)
    #expect(bench.member.exitLatch.exit == nil)
  }

  /// The second of two that are whole is not installed: the log has begun with the first.
  @Test func `what arrived whole and is not taken goes, and what the log has taken stays`() throws {
    let bench = try Bench()
    bench.order(.expect(stream(1)))
    try bench.send(stream(1))
    var write = StorageWrite(ticket: WriteTicket(1))
    write.install = Bench.base(bench.applied)
    bench.order(.release(stream(1)), .expect(stream(2)))
    try bench.send(stream(2))
    _ = bench.log.turn([.write(write)])
    bench.order(.abandon(stream(2)), .abandon(stream(1)))
    #expect(try bench.files() == ["state-1.db", "state-2.db"])
    #expect(bench.member.exitLatch.exit == nil)
  }

  /// Its error is its own: the member goes on, and takes the next.
  @Test func `an arrival that is not whole ends alone`() throws {
    let bench = try Bench()
    bench.order(.expect(stream(1)), .piece(stream(1), [1, 0, 0, 0, 9]))
    bench.order(.expect(stream(2)), .finish(stream(2)), .expect(stream(3)))
    try bench.send(stream(3))
    #expect(bench.arrived() == [stream(3)])
    #expect(bench.member.exitLatch.exit == nil)
    #expect(try bench.files() == ["arrival-3.db", "state-1.db"])
  }

  /// A process that dies leaves files to which nothing refers.
  @Test func `what an earlier process left of arrivals is removed at the start`() throws {
    let bench = try Bench()
    bench.order(.expect(stream(1)), .expect(stream(2)))
    try bench.send(stream(2))
    try bench.directory.close()
    let again = try DataDirectory(
      at: bench.path, as: Claim(cluster: 1, member: MemberID(1), name: "n1"),
      drawIncarnation: { Incarnation(1) })
    #expect(try bench.files() == ["state-1.db"])
    try again.close()
  }
}
