import Testing

@testable import KeyValue

/// The store against a model so plain that one can see that it is right.
@Suite struct ModelTests {
  /// How one member treats its memory and its table; no answer may depend on it.
  private struct Weather {
    var settings = StoreSettings()
    var flushOnceIn: Int
    var flushLimitBytes: Int
    var purgeOnceIn: Int
    var restartOnceIn: Int

    init(_ dice: inout Dice) {
      settings.recentLimitBytes = dice.pick([0, 2000, 1 << 20])
      settings.cacheLimitBytes = dice.pick([0, 2000, 1 << 20])
      flushOnceIn = dice.pick([1, 3, 20])
      flushLimitBytes = dice.pick([0, 1000, 1 << 20])
      purgeOnceIn = dice.pick([1, 4, 30])
      restartOnceIn = dice.pick([10, 50, 1000])
    }
  }

  private struct Member {
    var store: Store
    let table = Table()
    let weather: Weather
    var dice: Dice
    /// Read views that some reader still uses, and what they must show.
    var readViews: [(readView: ReadView, model: Model)] = []

    init(seed: UInt64) {
      dice = Dice(seed: seed)
      weather = Weather(&dice)
      store = Store(generation: 1, settings: weather.settings)
    }

    /// What happens between two entries, in this member alone.
    mutating func live(_ log: [Command], _ model: Model) throws {
      if dice.once(in: 6) { readViews.append((store.readView, model)) }
      if dice.once(in: 6), !readViews.isEmpty { readViews.remove(at: dice.below(readViews.count)) }
      if dice.once(in: weather.flushOnceIn) {
        store.flush(to: table, limitBytes: weather.flushLimitBytes)
      }
      if dice.once(in: weather.purgeOnceIn) {
        _ = try store.purge(limitRows: 1 + dice.below(6), reading: table)
      }
      if dice.once(in: weather.restartOnceIn) {
        readViews = []
        store = try table.load(settings: weather.settings)
        for command in log[Int(store.meta.appliedIndex)...] { _ = try store.run(command, table) }
      }
    }
  }

  private func check(
    _ readView: ReadView, _ model: Model, _ table: Table, _ generator: inout Generator
  ) throws {
    let request = generator.rangeRequest(model.revision)
    let expected = model.range(request)
    var cache = RowCache(limitBytes: 0)
    switch readView.range(request, cache: &cache) {
    case .answer(let answer): #expect(.success(answer) == expected, "\(request)")
    case .refused(let error): #expect(.failure(error) == expected, "\(request)")
    case .misses(let missing): #expect(!missing.isEmpty)
    }
    let answer = try readView.range(request, cache: &cache, reading: table)
    #expect(answer == expected, "\(request)")
  }

  @Test(arguments: 0..<6) func `answers, states and digests are the model's`(
    _ batch: UInt64
  ) throws {
    for seed in batch * 100..<batch * 100 + 100 {
      try play(seed)
    }
  }

  private func play(_ seed: UInt64) throws {
    var generator = Generator(seed: seed)
    var model = Model()
    var members = [Member(seed: seed &* 3 + 1), Member(seed: seed &* 3 + 2)]
    var log: [Command] = []
    for _ in 0..<40 {
      let command = generator.command(model.revision)
      log.append(command)
      let expected = model.apply(command)
      for slot in members.indices {
        let applied = try members[slot].store.run(command, members[slot].table)
        #expect(applied.result == expected, "seed \(seed): \(command)")
        #expect(applied.changes.map(\.row) == model.rows.suffix(applied.changes.count))
        try members[slot].live(log, model)
        let member = members[slot]
        try check(member.store.readView, model, member.table, &generator)
        if let old = member.readViews.first {
          try check(old.readView, old.model, member.table, &generator)
        }
        #expect(member.store.state.index.violation() == nil, "seed \(seed)")
        #expect(member.store.meta.alarms == model.alarms, "seed \(seed)")
        checkBlock(of: member, seed)
      }
      let digests = members.map(\.store.meta.stateDigest)
      #expect(digests[0] == digests[1], "seed \(seed)")
      let image = LeaseImage(
        time: model.leaseTime, leases: model.leases.values.sorted { $0.id < $1.id })
      #expect(members.allSatisfy { $0.store.leaseImage == image }, "seed \(seed)")
      #expect(members[0].store.meta.revision == model.revision)
    }
    for slot in members.indices { try end(&members[slot], model) }
    #expect(try hash(members[0]) == hash(members[1]), "seed \(seed)")
  }

  /// What the store says of a block of the table is so, whenever it says something.
  private func checkBlock(of member: Member, _ seed: UInt64) {
    guard let expected = member.store.expectation(ofBlock: 0) else { return }
    let rows = member.table.inOrder.filter { expected.rows.contains($0.number) }
    #expect(rows.count == expected.count, "seed \(seed)")
    #expect(
      rows.reduce(StateDigest()) { $0 + StateDigest(of: $1) } == expected.digest, "seed \(seed)")
  }

  /// Without readers, everything superseded goes and exactly the rest stays.
  private func end(_ member: inout Member, _ model: Model) throws {
    member.readViews = []
    member.store.flush(to: member.table)
    for _ in 0..<400 where member.store.needsPurge {
      _ = try member.store.purge(limitRows: 3, reading: member.table)
      member.store.flush(to: member.table)
    }
    #expect(!member.store.needsPurge)
    #expect(member.table.inOrder == model.kept)
    #expect(member.table.meta == member.store.meta)
    #expect(try member.table.load().meta == member.store.meta)
  }

  private func hash(_ member: Member) throws -> UInt32 {
    var hasher = try RevisionHasher(readView: member.store.readView, revision: 0)
    for row in member.table.inOrder { hasher.add(row) }
    return hasher.finish()
  }
}
