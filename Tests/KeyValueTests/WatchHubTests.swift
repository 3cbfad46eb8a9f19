import KeyValue
import Testing

/// etcd's guarantees of watches, each as its own story.
@Suite struct WatchHubTests {
  private func rig(_ settings: StoreSettings = StoreSettings()) -> WatchRig {
    var rig = WatchRig(settings: settings)
    rig.open(1)
    return rig
  }

  private func events(_ rig: WatchRig, _ id: Int64 = 0) -> [String] {
    rig.clients[WatchStreamID(1)]![id]!.events.map { row in
      "\(String(decoding: row.key, as: UTF8.self))@\(row.modRevision)"
        + (row.isTombstone ? "†" : "")
    }
  }

  @Test func `a watch from now on brings what comes after its creation`() throws {
    var rig = rig()
    try rig.put("a")
    rig.watch(1, WatchRequest("a"))
    #expect(rig.answers.last?.revision == 2)
    try rig.put("a")
    try rig.put("b")
    try rig.delete("a")
    try rig.settle()
    #expect(events(rig) == ["a@3", "a@5†"])
    #expect(rig.reads == 0, "who is in step needs no store")
  }

  @Test func `a watch from the past brings everything since, and then what comes`() throws {
    var rig = rig()
    for _ in 0..<5 { try rig.put("a") }
    rig.watch(1, WatchRequest("a", from: 3))
    try rig.put("a")
    try rig.settle()
    try rig.put("a")
    try rig.settle()
    #expect(events(rig) == (3...8).map { "a@\($0)" })
  }

  @Test func `a watch from the future brings nothing before`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a", from: 4))
    for _ in 0..<4 { try rig.put("a") }
    try rig.settle()
    #expect(events(rig) == ["a@4", "a@5"])
  }

  /// Changes come while a piece is read: some are in the piece, some in a batch, some in both.
  @Test func `from catching up to live there is neither a gap nor a repeat`() throws {
    for whenRead in 0..<4 {
      var rig = rig()
      rig.watch(1, WatchRequest("other"))
      for _ in 0..<3 { try rig.put("a") }
      try rig.settle()
      rig.watch(1, WatchRequest("a", from: 1))
      #expect(rig.read != nil)
      for moment in 0..<4 {
        try rig.put("a")
        if moment == whenRead { try rig.answerRead() }
        rig.deliver()
      }
      try rig.put("a")
      try rig.settle()
      rig.check("read at \(whenRead)")
      #expect(events(rig, 1) == (2...9).map { "a@\($0)" })
    }
  }

  @Test func `one revision comes in one answer, however long it is`() throws {
    var limits = WatchHub.Limits()
    limits.responseBytes = 1
    var rig = WatchRig(limits: limits)
    rig.open(1)
    rig.watch(1, WatchRequest("k", "l"))
    try rig.txn(putting: ["k1", "k2", "k3"])
    rig.watch(1, WatchRequest("k", "l", from: 1))
    try rig.txn(putting: ["k4", "k5"])
    try rig.settle()
    rig.check("small answers")
    #expect(events(rig, 1).count == 5)
  }

  @Test func `filters leave out puts, or deletions`() throws {
    var rig = rig()
    var withoutPuts = WatchRequest("a")
    withoutPuts.withoutPuts = true
    var withoutDeletes = WatchRequest("a")
    withoutDeletes.withoutDeletes = true
    rig.watch(1, withoutPuts)
    rig.watch(1, withoutDeletes)
    try rig.put("a")
    try rig.delete("a")
    try rig.settle()
    #expect(events(rig, 0) == ["a@3†"])
    #expect(events(rig, 1) == ["a@2"])
  }

  @Test func `the pair before a change is read as of the revision before it`() throws {
    var rig = rig()
    try rig.put("a", "1")
    try rig.put("a", "2")
    try rig.delete("a")
    try rig.put("a", "3")
    var request = WatchRequest("a", from: 1)
    request.previousPairs = true
    rig.watch(1, request)
    try rig.settle()
    let previous = rig.clients[WatchStreamID(1)]![0]!.previous.map { $0?.value }
    #expect(previous == [nil, [UInt8]("1"), [UInt8]("2"), nil])
  }

  /// As etcd tells it, to who catches up and to who is in step.
  @Test func `what a revision deletes and creates again had nothing before it`() throws {
    var rig = rig()
    try rig.put("a", "1")
    var txn = TxnRequest()
    txn.success = [
      .deleteRange(DeleteRangeRequest(range: KeyRange("a"))),
      .put(PutRequest(key: [UInt8]("a"), value: [UInt8]("2"))),
    ]
    try rig.run(.txn(txn))
    var request = WatchRequest("a", from: 3)
    request.previousPairs = true
    rig.watch(1, request)
    try rig.settle()
    #expect(events(rig) == ["a@3†", "a@3"])
    let previous = rig.clients[WatchStreamID(1)]![0]!.previous.map { $0?.value }
    #expect(previous == [[UInt8]("1"), nil])

    let table = Table()
    var store = Store(generation: 1)
    _ = try store.run(.put(PutRequest(key: [UInt8]("a"), value: [UInt8]("1"))), table)
    let applied = try store.run(.txn(txn), table)
    #expect(applied.changes.map(\.previous) == [1, 0])
  }

  @Test func `a pair that compaction has made unreadable is left out`() throws {
    var rig = rig()
    try rig.put("a", "1")
    try rig.put("a", "2")
    try rig.put("a", "3")
    try rig.run(.compaction(revision: 3))
    var request = WatchRequest("a", from: 3)
    request.previousPairs = true
    rig.watch(1, request)
    try rig.settle()
    let previous = rig.clients[WatchStreamID(1)]![0]!.previous.map { $0?.value }
    #expect(previous == [nil, [UInt8]("2")])
  }

  @Test func `a watch of compacted revisions is created and ends with the oldest there is`() throws
  {
    var rig = rig()
    for _ in 0..<5 { try rig.put("a") }
    try rig.run(.compaction(revision: 4))
    rig.watch(1, WatchRequest("a", from: 3))
    rig.watch(1, WatchRequest("a", from: 4))
    try rig.settle()
    #expect(rig.answers.map(\.content) == [.created, .created, .compacted(4)])
    #expect(rig.answers.last?.watch == 0)
    #expect(rig.answers.last?.revision == 0, "as etcd")
    #expect(events(rig, 1) == ["a@4", "a@5", "a@6"])
  }

  /// etcd-io/etcd#19179: physical compaction must not take the deletion of its own revision.
  @Test func `a deletion at the compacted revision is not lost`() throws {
    var rig = rig()
    try rig.put("a")
    try rig.delete("a")
    try rig.put("b")
    try rig.run(.compaction(revision: 3))
    rig.store.flush(to: rig.table)
    for _ in 0..<10 {
      _ = try rig.store.purge(limitRows: 10, reading: rig.table)
      rig.store.flush(to: rig.table)
    }
    try rig.reload()
    rig.watch(1, WatchRequest("a", from: 3))
    try rig.settle()
    #expect(events(rig) == ["a@3†"])
  }

  @Test func `a stream that takes nothing costs nothing and misses nothing`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    rig.blocked = [WatchStreamID(1)]
    for _ in 0..<100 { try rig.put("a") }
    try rig.settle()
    #expect(events(rig).isEmpty)
    #expect(rig.hub.laggingCount == 1)
    #expect(rig.read == nil, "nothing is read for who takes nothing")
    rig.unblock(WatchStreamID(1))
    try rig.settle()
    rig.check("after the block")
    #expect(events(rig).count == 100)
    #expect(rig.hub.laggingCount == 0)
  }

  @Test func `a stream that is given up says where to resume`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    rig.watch(1, WatchRequest("b"))
    try rig.put("a")
    try rig.settle()
    rig.blocked = [WatchStreamID(1)]
    try rig.put("a")
    try rig.put("c")
    try rig.settle()
    rig.step(.end(WatchStreamID(1)))
    // The event at 3 was not taken; of `b` nothing is missing up to 4.
    #expect(rig.answers.suffix(2).map(\.content) == [.ended(resume: 3), .ended(resume: 5)])
    rig.check("ended")
  }

  @Test func `a batch that does not follow on sends everybody to the store`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    try rig.put("a")
    try rig.put("a")
    rig.feed.removeLast()
    try rig.put("a")
    try rig.settle()
    #expect(events(rig) == ["a@2", "a@3", "a@4"])
  }

  @Test func `a batch that is lost without another after it is noticed by its end`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    try rig.settle()
    try rig.put("a")
    rig.feed = [ChangeBatch(after: 2, through: 2)]
    try rig.settle()
    #expect(events(rig) == ["a@2"])
  }

  @Test func `a long past comes in pieces, while the present goes on`() throws {
    var limits = WatchHub.Limits()
    limits.pieceRows = 3
    var rig = WatchRig(limits: limits)
    rig.open(1)
    rig.watch(1, WatchRequest("other"))
    for _ in 0..<20 { try rig.put("a") }
    try rig.settle()
    rig.watch(1, WatchRequest("a", from: 2))
    for _ in 0..<5 {
      try rig.answerRead()
      try rig.put("a")
      rig.deliver()
    }
    try rig.settle()
    #expect(events(rig, 1) == (2...26).map { "a@\($0)" })
    #expect(rig.reads > 5)
  }

  /// A flush writes more than memory then lets go: many rows are in both.
  @Test func `from the table to memory there is neither a gap nor a repeat`() throws {
    var settings = StoreSettings()
    settings.recentLimitBytes = 0
    for count in [31, 32, 33, 159, 191, 400] {
      var rig = rig(settings)
      for _ in 0..<count { try rig.put("a") }
      rig.store.flush(to: rig.table)
      for _ in 0..<3 { try rig.put("a") }
      for start in [2, 30, count - 20] where start > 0 {
        rig.watch(1, WatchRequest("a", from: Int64(start)))
      }
      try rig.settle()
      rig.check("\(count) rows")
    }
  }

  /// While a piece is read for some, others begin to lag: it may lack what is theirs.
  @Test func `a piece serves only those for whom it was read`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    try rig.settle()
    try rig.put("a")
    try rig.put("b")
    try rig.settle()
    rig.watch(1, WatchRequest("a", from: 2))
    #expect(rig.read != nil)
    rig.watch(1, WatchRequest("b", from: 2))
    try rig.settle()
    rig.check("two readers")
    #expect(events(rig, 2) == ["b@3"])
  }

  @Test func `progress is told when everything up to it was delivered, and not before`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    try rig.put("a")
    rig.step(.askProgress(WatchStreamID(1), current: rig.store.meta.revision))
    #expect(rig.answers.last?.content == .created, "the put is on its way")
    try rig.settle()
    #expect(rig.answers.last?.content == .progress)
    #expect(rig.answers.last?.revision == 2)
    rig.watch(1, WatchRequest("a", from: 1))
    rig.step(.askProgress(WatchStreamID(1), current: rig.store.meta.revision))
    #expect(rig.answers.last?.content == .created, "one of the two lags")
    try rig.settle()
    #expect(rig.answers.last?.content == .progress)
  }

  @Test func `progress asked for does not overtake events that were not taken`() throws {
    var rig = rig()
    rig.watch(1, WatchRequest("a"))
    try rig.put("a")
    rig.step(.askProgress(WatchStreamID(1), current: 2))
    rig.blocked = [WatchStreamID(1)]
    try rig.settle()
    rig.unblock(WatchStreamID(1))
    try rig.settle()
    #expect(events(rig) == ["a@2"])
    #expect(rig.answers.last?.content == .progress)
  }

  @Test func `an idle watch that wants it is told how far it has come, a busy one is not`() throws {
    var rig = rig()
    var request = WatchRequest("a")
    request.progressNotify = true
    rig.watch(1, request)
    try rig.put("a")
    try rig.settle()
    rig.step(.progressInterval)
    #expect(rig.clients[WatchStreamID(1)]![0]!.bookmark == 0, "it had events")
    try rig.put("b")
    try rig.settle()
    rig.step(.progressInterval)
    #expect(rig.clients[WatchStreamID(1)]![0]!.bookmark == 3)
  }

  @Test func `ids are the client's own, or the next that is free`() throws {
    var rig = rig()
    func own(_ id: Int64) -> WatchRequest {
      var request = WatchRequest("a")
      request.id = id
      return request
    }
    rig.watch(1, WatchRequest("a"))
    rig.watch(1, own(1))
    rig.watch(1, WatchRequest("a"))
    rig.watch(1, own(2))
    rig.watch(1, own(-7))
    rig.watch(1, WatchRequest("b", "a"))
    #expect(rig.answers.map(\.watch) == [0, 1, 2, -1, -7, -1])
    #expect(rig.answers[3].content == .refused(.duplicateID))
    #expect(rig.answers[5].content == .refused(.emptyRange))
  }

  @Test func `no more watches than the stream and the hub may have`() throws {
    var limits = WatchHub.Limits()
    limits.watchesOfStream = 2
    limits.watches = 3
    var rig = WatchRig(limits: limits)
    for stream in 1...2 { rig.open(UInt64(stream)) }
    for stream in [1, 1, 1, 2, 2] { rig.watch(UInt64(stream), WatchRequest("a")) }
    #expect(
      rig.answers.map(\.content)
        == [.created, .created, .refused(.tooMany), .created, .refused(.tooMany)])
  }

  @Test func `a hub that nobody uses wants no batches`() throws {
    var rig = rig()
    #expect(!rig.isListening)
    rig.watch(1, WatchRequest("a"))
    #expect(rig.isListening)
    rig.step(.cancel(WatchStreamID(1), watch: 0, current: 1))
    #expect(rig.answers.last?.content == .cancelled)
    #expect(!rig.isListening)
    rig.watch(1, WatchRequest("a"))
    rig.step(.close(WatchStreamID(1)))
    #expect(!rig.isListening)
  }
}

/// Random watches of random stores in random weather; the rig holds the guarantees.
@Suite struct WatchSwarmTests {
  @Test(arguments: 0..<8) func `every watch brings what it should, once and in order`(
    _ batch: UInt64
  ) throws {
    for seed in batch * 40..<batch * 40 + 40 { try play(seed) }
  }

  private func play(_ seed: UInt64) throws {
    var generator = Generator(seed: seed)
    var settings = StoreSettings()
    settings.recentLimitBytes = generator.dice.pick([0, 2_000, 1 << 20])
    var limits = WatchHub.Limits()
    limits.responseBytes = generator.dice.pick([1, 500, 1 << 20])
    limits.pieceRows = generator.dice.pick([1, 4, 2_000])
    var rig = WatchRig(settings: settings, limits: limits)
    for stream in 1...3 { rig.open(UInt64(stream)) }
    for _ in 0..<120 {
      try move(&rig, &generator)
    }
    for stream in rig.blocked.sorted() { rig.unblock(stream) }
    try rig.settle()
    rig.check("seed \(seed)")
    #expect(rig.hub.laggingCount == 0)
  }

  private func move(_ rig: inout WatchRig, _ generator: inout Generator) throws {
    let stream = UInt64(1 + generator.dice.below(3))
    switch generator.dice.below(16) {
    case 0..<5:
      let command = generator.command(rig.store.meta.revision)
      // What would write a key twice in one revision never reaches the log.
      if case .txn(let request) = command, (try? request.validate()) == nil { return }
      try rig.run(command)
    case 5..<8: rig.deliver()
    case 8, 9: try rig.answerRead()
    case 10: rig.watch(stream, watch(rig, &generator))
    case 11:
      rig.store.flush(to: rig.table)
      _ = try rig.store.purge(limitRows: 5, reading: rig.table)
      // Then no row is in memory, and all are read from the table.
      if generator.dice.once(in: 2) { try rig.reload() }
    case 12:
      if rig.blocked.contains(WatchStreamID(stream)) {
        rig.unblock(WatchStreamID(stream))
      } else {
        rig.blocked.insert(WatchStreamID(stream))
      }
    case 13 where !rig.feed.isEmpty: lose(&rig)
    case 14:
      rig.step(.askProgress(WatchStreamID(stream), current: rig.store.meta.revision))
    default: rig.step(.progressInterval)
    }
  }

  /// What waits for the hub is lost, as when it is slow or the state jumps to a snapshot.
  private func lose(_ rig: inout WatchRig) {
    rig.feed = [
      ChangeBatch(after: rig.store.meta.revision, through: rig.store.meta.revision)
    ]
  }

  private func watch(_ rig: WatchRig, _ generator: inout Generator) -> WatchRequest {
    var request = WatchRequest(range: generator.range())
    if generator.dice.once(in: 2) {
      request.startRevision = max(1, generator.revision(around: rig.store.meta.revision))
    }
    request.withoutPuts = generator.dice.once(in: 8)
    request.withoutDeletes = generator.dice.once(in: 8)
    request.previousPairs = generator.dice.once(in: 4)
    request.progressNotify = generator.dice.once(in: 2)
    return request
  }
}
