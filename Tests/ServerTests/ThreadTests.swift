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

/// The thread of the apply lane, turn by turn on the test's own thread.
@Suite struct ApplierTests {
  /// An applier on a store in memory, and everything it tells.
  private final class Bench {
    let me = MemberID(7)
    let boot = Boot(3)
    let fate = Fate()
    let waiters = WaiterTable(shards: 1, limit: 1_000)
    let door = ReplicaDoor {}
    let board: Board
    var applier: Applier

    init() throws {
      let store = MemoryStore(
        identity: Identity(cluster: 1, member: me, name: "n7", incarnation: Incarnation(1)))
      let start = try Flusher.load(try store.openState())
      board = Board(
        root: start.store.value.root,
        view: Board.View(
          header: AnswerHeader(cluster: 1, member: 7, raftTerm: 1), members: MemberDirectory([])))
      let out = Applier.Outlets(
        board: board, door: door, waiters: waiters, metrics: Metrics(), fate: fate, mark: nil,
        log: Worker(name: "log"), flush: Worker(name: "flush"), reads: Worker(name: "read"),
        patrol: Worker(name: "patrol"), backup: Worker(name: "backup"), desks: [], feeds: [])
      applier = Applier(
        me: me, boot: boot,
        start: AdoptedState(store: start.store.value, readers: start.readers), out: out)
    }

    /// Turn after turn until nothing is due.
    func work(_ jobs: [Applier.Job]) {
      var next = applier.work(jobs)
      while next <= MonotonicClock.now() { next = applier.work([]) }
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
      door.completions.drain().map { completion in
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
    bench.work([.entries(entries)])
    let answers = seen.take()
    #expect(answers.count == 600)
    for (number, answer) in answers.enumerated() {
      // Revision 1 is the empty store's.
      #expect(answer.shown >= Int64(number) + 2)
      #expect(answer.toldBefore == number / 256)
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
    #expect(bench.fate.exit?.code == code)
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
    try store.log.form(Formation(base: base, founding: .unknown))
    let (door, fate) = (ReplicaDoor {}, Fate())
    let board = Board(
      root: try Flusher.load(try store.openState()).store.value.root,
      view: Board.View(
        header: AnswerHeader(cluster: 1, member: 1, raftTerm: 1), members: MemberDirectory([])))
    var thread = LogThread(
      store: store, files: StateFiles(directory: "/nowhere"), board: board, door: door,
      metrics: Metrics(), fate: fate)
    thread.work([.write(StorageWrite(ticket: WriteTicket(1)))])
    #expect(door.completions.drain().count == 1)
    _ = store.failure.latch(.failed(file: "raft.db", action: "sync", reason: "EIO"))
    thread.work([.write(StorageWrite(ticket: WriteTicket(2)))])
    thread.work([.write(StorageWrite(ticket: WriteTicket(3)))])
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
