import Base
import KeyValue
import Raft
import Storage

/// One hub, a store that is flushed, compacted and purged under it, streams that block, and
/// batches that get lost: every watch must bring what the log made of its keys, once, in order and
/// by whole revisions, and no bookmark may run ahead of its events (failure A4).
enum WatchDrill {
  private static let lives: UInt64 = 300
  private static let moves = 250

  static func run() throws -> Drill.Ending {
    var steps = 0
    for life in 1...lives {
      var world = try World(life)
      for _ in 0..<moves {
        steps += 1
        try world.move()
      }
      try world.settle()
      if let finding = world.finding {
        return Drill.Ending(finding: "life \(life): \(finding)", steps: steps)
      }
    }
    return Drill.Ending(finding: nil, steps: steps)
  }

  private struct Client {
    var start: Int64
    var end: [UInt8]
    var events: [Row] = []
    var isOver = false

    func wants(_ row: Row) -> Bool {
      row.modRevision >= start && (end.isEmpty ? row.key == Array("k1".utf8) : true)
    }
  }

  private struct World {
    private let memory = MemoryStore(
      identity: Identity(
        cluster: 1, member: MemberID(1), name: "m1", incarnation: Incarnation(1)))
    private let state: any StateStore
    private let reader: any StateReader
    private var store: Store
    private var hub: WatchHub
    private var dice: SplitMix64
    private var history: [Row] = []
    private var feed: [ChangeBatch] = []
    private var read: ChangeRequest?
    private var isListening = false
    private var isBlocked = false
    private var clients: [Int64: Client] = [:]
    private var asked = Client(start: 0, end: [])
    /// The first promise that was broken; `nil`: none.
    private(set) var finding: String?

    private static let stream = WatchStreamID(1)

    init(_ life: UInt64) throws {
      dice = SplitMix64(seed: life)
      state = try memory.openState()
      reader = try state.openReader()
      var settings = StoreSettings()
      settings.recentLimitBytes = 0
      store = Store(generation: 1, settings: settings)
      var limits = WatchHub.Limits()
      limits.responseBytes = 1
      limits.pieceRows = 3
      hub = WatchHub(limits: limits)
      step(.open(Self.stream), [])
    }

    // MARK: Moves

    mutating func move() throws {
      switch dice.index(below: 12) {
      case 0...2: try write()
      case 3...4: deliver()
      case 5: try answerRead()
      case 6: watch()
      case 7: try flush()
      case 8:
        isBlocked.toggle()
        if !isBlocked { step(.writable(Self.stream), []) }
      case 9 where !feed.isEmpty: feed = [present]
      case 10: step(.askProgress(Self.stream, current: store.meta.revision), [])
      default: try run(.compaction(revision: store.meta.revision - Int64(dice.next(below: 3))))
      }
    }

    mutating func settle() throws {
      if isBlocked {
        isBlocked = false
        step(.writable(Self.stream), [])
      }
      for _ in 0..<10_000 where !feed.isEmpty || read != nil {
        deliver()
        try answerRead()
      }
      for (id, client) in clients.sorted(by: { $0.key < $1.key }) where !client.isOver {
        let owed = history.filter(client.wants)
        if client.events != owed {
          note("watch \(id) brought \(client.events.count) of \(owed.count) events")
        }
      }
    }

    private var present: ChangeBatch {
      ChangeBatch(after: store.meta.revision, through: store.meta.revision)
    }

    private mutating func write() throws {
      var request = TxnRequest()
      for key in 1...3 where dice.chance(1, in: 2) {
        let key = Array("k\(key)".utf8)
        request.success.append(
          dice.chance(1, in: 3)
            ? .deleteRange(DeleteRangeRequest(range: KeyRange(key: key)))
            : .put(PutRequest(key: key, value: [1])))
      }
      try run(.txn(request))
    }

    private mutating func run(_ command: Command) throws {
      let before = store.meta.revision
      let applied = try store.apply(
        index: store.meta.appliedIndex + 1, term: 1, command, reading: state)
      history += applied.changes.map(\.row)
      guard isListening, store.meta.revision > before else { return }
      feed.append(
        ChangeBatch(after: before, through: store.meta.revision, changes: applied.changes))
    }

    private mutating func flush() throws {
      for _ in 0..<3 {
        _ = try store.purge(limitRows: 100, reading: state)
        while let batch = store.takeFlushBatch(limitBytes: 1 << 16) {
          try state.flush(batch)
          store.flushed(through: batch.meta.appliedIndex)
        }
      }
    }

    private mutating func watch() {
      let revision = store.meta.revision
      let end: [UInt8] = dice.chance(1, in: 2) ? [] : Array("k9".utf8)
      let start = dice.chance(1, in: 3) ? 0 : max(1, revision - Int64(dice.next(below: 6)))
      var request = WatchRequest(range: KeyRange(key: Array("k1".utf8), end: end))
      request.startRevision = start
      asked = Client(start: start == 0 ? revision + 1 : start, end: end)
      step(.create(Self.stream, request, current: revision), [])
    }

    private mutating func deliver() {
      guard !feed.isEmpty else { return }
      let batch = feed.removeFirst()
      step(.changed(batch), batch.changes.map(\.row))
    }

    private mutating func answerRead() throws {
      guard let request = read else { return }
      read = nil
      var cache = RowCache(limitBytes: 0)
      switch try store.readView.changes(request, cache: &cache, reading: reader) {
      case .success(let piece): step(.read(.success(piece)), piece.changes.map(\.row))
      case .failure: step(.read(.failure(.compacted(store.meta.compactRevision))), [])
      }
    }

    // MARK: What comes of them

    private mutating func step(_ input: WatchInput, _ rows: [Row]) {
      let output = hub.step(input)
      read = output.read ?? read
      if let isListening = output.isListening {
        self.isListening = isListening
        if isListening { feed.append(present) }
      }
      var returned: [WatchResponse] = []
      for response in output.responses {
        switch response.content {
        case .created: clients[response.watch] = asked
        case .events, .progress:
          if isBlocked { returned.append(response) } else { take(response, rows) }
        case .refused, .cancelled, .compacted, .ended: clients[response.watch]?.isOver = true
        }
      }
      if !returned.isEmpty { step(.returned(Self.stream, returned, isBlocked: true), []) }
    }

    private mutating func take(_ response: WatchResponse, _ rows: [Row]) {
      guard case .events(let events) = response.content else {
        for (id, client) in clients where !client.isOver {
          let owed = history.count { client.wants($0) && $0.modRevision <= response.revision }
          if client.events.count < owed { note("a bookmark of watch \(id) ahead of its events") }
        }
        return
      }
      let taken = events.positions.map { rows[$0] }
      let earlier = clients[response.watch]!.events.last
      if let earlier, taken[0].modRevision <= earlier.modRevision {
        note("watch \(response.watch) brought a revision in two answers")
      }
      clients[response.watch]!.events += taken
    }

    private mutating func note(_ sentence: String) { finding = finding ?? sentence }
  }
}
