import KeyValue
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services
import Storage
import Synchronization
import Testing

@testable import Server
@testable import Transport

/// What a thread told the others, in order.
private final class Told<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  func append(_ element: Element) { elements.withLock { $0.append(element) } }

  func take() -> [Element] {
    elements.withLock { elements in
      defer { elements = [] }
      return elements
    }
  }
}

extension Fate {
  /// How the member ends, if that is known.
  fileprivate var exit: ServerExit? {
    let exit = Told<ServerExit?>()
    if isSealed { whenSealed { exit.append($0) } }
    return exit.take().first ?? nil
  }
}

/// The one who applies, step by step on the test's own thread.
@Suite struct ApplierTests {
  /// An applier on a store in memory, and everything it tells.
  private final class Bench {
    let me = MemberID(7)
    let boot = Boot(3)
    let fate = Fate()
    let metrics = Metrics()
    let waiters = WaiterTable(shards: 1, limit: 1_000)
    let door = ReplicaDoor {}
    let flushes = Told<Flusher.Job>()
    let marks = Told<LogIndex>()
    let board: Board
    var applier: Applier

    init(_ settings: StoreSettings = StoreSettings()) throws {
      let store = MemoryStore(
        identity: Identity(cluster: 1, member: me, name: "n7", incarnation: Incarnation(1)))
      let start = try Flusher.load(try store.openState(), settings: settings)
      board = Board(
        root: start.store.value.root,
        view: Board.View(
          header: AnswerHeader(cluster: 1, member: 7, raftTerm: 1), members: MemberDirectory([])))
      let (flushes, marks) = (flushes, marks)
      let out = Applier.Outlets(
        board: board, door: door, waiters: waiters, metrics: metrics, fate: fate, log: { _ in },
        flush: { flushes.append($0) }, snapshots: { _ in }, reads: { _ in }, patrol: { _ in },
        mark: { marks.append($0) }, back: { _ in })
      applier = Applier(me: me, boot: boot, start: start, out: out)
    }

    /// A client that waits for a command; `onEnd` is called when it is answered.
    func wait(_ onEnd: @escaping @Sendable (UnaryOutcome) -> Void) -> RequestID {
      let call = UnaryCall(
        context: CallContext(path: "/test", metadata: Metadata()), message: ByteBuffer(),
        onEnd: onEnd)
      let waiter = Waiter(
        call: call, kind: .command(waitsForScrub: false), arrived: MonotonicClock.now())
      return waiters.insert(waiter, shard: 0)!
    }

    func put(_ index: UInt64, by id: RequestID? = nil, bytes: Int = 1) -> Entry {
      let origin = CommandOrigin(
        member: me.number, boot: boot.number, sequence: id?.number ?? 0)
      let request = PutRequest(key: [1], value: [UInt8](repeating: 2, count: bytes))
      return Entry(
        id: EntryID(term: Term(1), index: LogIndex(index)),
        content: .command(CommandEnvelope(origin: origin, command: .put(request)).encoded()))
    }

    /// What the replica has been told.
    func told() -> [String] {
      door.completions.drain().map { completion in
        switch completion {
        case .applied(through: let index, let completed, leases: _, upkeep: _):
          "applied \(index.number): \(completed.count)"
        case .overlayFull(let isFull): isFull ? "full" : "not full"
        case .log, .durableApplied, .storeSize, .damaged, .restored, .snapshot:
          "something else"
        }
      }
    }
  }

  /// Whoever is answered may read at once, anywhere on this member.
  @Test func `an answer, and the replica's news, come after the root that shows the result`()
    throws
  {
    let bench = try Bench()
    let (board, door) = (bench.board, bench.door)
    let seen = Told<(shown: Int64, toldBefore: Int)>()
    var entries: [Entry] = []
    // More than are applied between two publications.
    for index in 1...600 as ClosedRange<UInt64> {
      let id = bench.wait { outcome in
        guard case .answered = outcome else { return }
        seen.append((board.root?.revision ?? 0, door.completions.count))
      }
      entries.append(bench.put(index, by: id))
    }
    bench.applier.work([.apply(entries)])
    let answers = seen.take()
    #expect(answers.count == 600)
    for (number, answer) in answers.enumerated() {
      // Revision 1 is the empty store's.
      #expect(answer.shown >= Int64(number) + 2)
      #expect(answer.toldBefore == number / 256)
    }
    #expect(bench.told() == ["applied 256: 256", "applied 512: 256", "applied 600: 88"])
  }

  /// What nobody reads need not be copied before it is changed.
  @Test func `a root that nobody looks at is taken back, and who asks is shown the newest`() throws
  {
    let bench = try Bench()
    let board = bench.board
    let asked = Told<UInt64>()
    bench.applier.work([.apply([bench.put(1)])])
    bench.applier.work([.apply([bench.put(2)])])
    #expect(board.root == nil)
    #expect(board.meta.appliedIndex == 2)
    bench.applier.work([.show { asked.append($0.meta.appliedIndex) }, .apply([bench.put(3)])])
    #expect(asked.take() == [3])
    #expect(board.root?.meta.appliedIndex == 3)
    // Somebody has looked: the next one is shown too.
    bench.applier.work([.apply([bench.put(4)])])
    #expect(board.root?.meta.appliedIndex == 4)
    bench.applier.work([.apply([bench.put(5)])])
    bench.applier.work([.apply([bench.put(6)])])
    #expect(board.root == nil)
    #expect(board.meta.appliedIndex == 6)
  }

  @Test func `an entry is marked before it is applied, and the mark goes only when it was`() throws
  {
    let bench = try Bench()
    bench.applier.work([.apply([bench.put(1), bench.put(2)])])
    #expect(bench.marks.take() == [LogIndex(1), LogIndex(2), .zero])
    let broken = Entry(id: EntryID(term: Term(1), index: LogIndex(3)), content: .command([]))
    bench.applier.work([.apply([broken, bench.put(4)])])
    #expect(bench.marks.take() == [LogIndex(3)])
    #expect(bench.fate.exit?.code == 27)
  }

  @Test func `a full overlay stops apply, says so, and lets it go on when it has drained`() throws {
    var settings = StoreSettings()
    settings.overlayLimitBytes = 10_000
    let bench = try Bench(settings)
    let entries = (1...6).map { bench.put($0, bytes: 4_000) }
    bench.applier.work([.apply(entries)])
    #expect(bench.told() == ["applied 3: 3", "full"])
    #expect(bench.board.overlayBytes >= 10_000)
    // Nothing more goes in, however often it is tried.
    bench.applier.work([.apply([bench.put(7, bytes: 4_000)])])
    #expect(bench.told() == [])
    guard case .flush(let batch)? = bench.flushes.take().first else {
      Issue.record("nothing was given to the flusher")
      return
    }
    bench.applier.work([.flushed(batch.meta.appliedIndex)])
    let told = bench.told()
    #expect(told.first?.hasPrefix("applied") == true)
    var index = batch.meta.appliedIndex
    while index < 7 {
      guard case .flush(let batch)? = bench.flushes.take().first else {
        Issue.record("nothing was given to the flusher after \(index)")
        return
      }
      index = batch.meta.appliedIndex
      bench.applier.work([.flushed(index)])
    }
    #expect(bench.board.meta.appliedIndex == 7)
    #expect(bench.board.overlayBytes == 0)
    #expect(bench.told().last == "not full")
  }

  @Test func `a command of an unknown version ends the member before it is applied`() throws {
    let bench = try Bench()
    let unknown = Entry(
      id: EntryID(term: Term(1), index: LogIndex(2)), content: .command([99, 0, 0]))
    bench.applier.work([.apply([bench.put(1)])])
    bench.applier.work([.apply([unknown, bench.put(3)])])
    #expect(bench.fate.exit?.code == 29)
    #expect(bench.board.meta.appliedIndex == 1)
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
    let member = Configuration.Member(
      id: me, incarnation: Incarnation(1), role: .voter, name: "n1", peerURLs: ["http://n1:2380"])
    let base = LogBase(last: .zero, configuration: Configuration(members: [member]))
    try store.log.form(base)
    let (door, fate) = (ReplicaDoor {}, Fate())
    let board = Board(
      root: try Flusher.load(try store.openState()).store.value.root,
      view: Board.View(
        header: AnswerHeader(cluster: 1, member: 1, raftTerm: 1), members: MemberDirectory([])))
    let files = LogFiles(
      store: store, directory: StateFiles(directory: "/nowhere"), board: board, metrics: Metrics(),
      fate: fate)
    var thread = LogThread(files: files, door: door, adopt: { _ in })
    thread.work([.letter(.write(StorageWrite(ticket: WriteTicket(1))))])
    #expect(door.completions.drain().count == 1)
    _ = store.failure.latch(.failed(file: "raft.db", action: "sync", reason: "EIO"))
    thread.work([.letter(.write(StorageWrite(ticket: WriteTicket(2))))])
    thread.work([.letter(.write(StorageWrite(ticket: WriteTicket(3))))])
    #expect(door.completions.drain().isEmpty)
    #expect(fate.exit?.code == 28)
    #expect(fate.exit?.sentence.contains("raft.db") == true)
  }
}

/// Snapshots that arrive. There is one file for the next generation, so there is one at a time.
@Suite struct ArrivalTests {
  /// Remembers what it was given.
  private final class Sink: SnapshotSink, @unchecked Sendable {
    // Protected by the test, which runs on one thread.
    var chunks: [[UInt8]] = []
    var isAbandoned = false
    var isFinished = false

    func receive(_ chunk: [UInt8]) throws(StorageError) { chunks.append(chunk) }

    func finish() throws(StorageError) -> StateMeta {
      isFinished = true
      var meta = StateMeta()
      meta.appliedIndex = 9
      meta.appliedTerm = 2
      return meta
    }

    func abandon() { isAbandoned = true }
  }

  private func stream(_ number: UInt64) -> SnapshotStreamID { SnapshotStreamID(number) }

  private func piece(_ bytes: [UInt8]) -> [UInt8] {
    var pieces = SnapshotPieces()
    pieces.append(chunk: bytes)
    return pieces.popPiece(limitBytes: 1 << 20)
  }

  /// The file of the first is opened late, when the second has begun: each goes to its own.
  @Test func `of two snapshots that arrive at once the later is written down, and it alone`() {
    let door = ReplicaDoor {}
    let fate = Fate()
    var thread = SnapshotThread(door: door, fate: fate) { _ in }
    let opened = Told<Int>()
    let (first, second) = (Sink(), Sink())
    thread.work([.expect(stream(1)) { opened.append(1) }, .piece(stream(1), piece([1, 1]))])
    thread.work([.expect(stream(2)) { opened.append(2) }, .piece(stream(2), piece([2, 2]))])
    #expect(opened.take() == [1, 2])
    thread.work([.begin(stream(1), Handover(first))])
    #expect(first.isAbandoned && first.chunks.isEmpty)
    thread.work([
      .piece(stream(1), piece([1])), .begin(stream(2), Handover(second)), .finish(stream(1)),
      .abandon(stream(1)), .piece(stream(2), piece([3])), .finish(stream(2)),
    ])
    #expect(second.chunks == [[2, 2], [3]])
    #expect(second.isFinished && !second.isAbandoned && !first.isFinished)
    let arrivals = door.completions.drain().compactMap { completion -> UInt64? in
      if case .snapshot(.arrived(let stream, applied: _)) = completion {
        stream.number
      } else {
        nil
      }
    }
    #expect(arrivals == [2])
    #expect(!fate.isSealed)
  }

  @Test func `what was being written down is given up for the next`() {
    var thread = SnapshotThread(door: ReplicaDoor {}, fate: Fate()) { _ in }
    let (first, second) = (Sink(), Sink())
    thread.work([.expect(stream(1)) {}, .begin(stream(1), Handover(first))])
    thread.work([.piece(stream(1), piece([1])), .expect(stream(2)) {}])
    #expect(first.chunks == [[1]] && first.isAbandoned)
    thread.work([.begin(stream(2), Handover(second)), .piece(stream(2), piece([2]))])
    thread.work([.finish(stream(2))])
    #expect(second.chunks == [[2]] && second.isFinished)
  }
}
