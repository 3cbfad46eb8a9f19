import KeyValue
import Testing

/// etcd's alarms as part of the state (server/etcdserver/apply.go Alarm, applierV3Capped).
@Suite struct `alarms` {
  private func raise(_ member: UInt64, _ kind: AlarmKind) -> Command {
    .upkeep(.raise(Alarm(member: member, kind: kind)))
  }

  private func lower(_ member: UInt64, _ kind: AlarmKind) -> Command {
    .upkeep(.lower(Alarm(member: member, kind: kind)))
  }

  private func put(_ key: String) -> Command {
    .put(PutRequest(key: Array(key.utf8), value: [1]))
  }

  @Test func `raised twice are raised once, and can be taken back once`() throws {
    var store = Store(generation: 1)
    let table = Table()
    let alarm = Alarm(member: 7, kind: .noSpace)
    for _ in 0..<2 {
      #expect(try store.run(raise(7, .noSpace), table).result.answer == .alarms([alarm]))
    }
    _ = try store.run(raise(3, .corrupt), table)
    #expect(store.meta.alarms == [alarm, Alarm(member: 3, kind: .corrupt)])
    #expect(try store.run(lower(7, .noSpace), table).result.answer == .alarms([alarm]))
    #expect(try store.run(lower(7, .noSpace), table).result.answer == .alarms([]))
    #expect(store.meta.revision == 1, "no key has changed")
  }

  @Test func `are in the digest`() throws {
    var store = Store(generation: 1)
    let table = Table()
    let before = store.meta.stateDigest
    _ = try store.run(raise(7, .noSpace), table)
    let raised = store.meta.stateDigest
    #expect(raised != before)
    _ = try store.run(lower(7, .noSpace), table)
    #expect(store.meta.stateDigest == before)
    _ = try store.run(raise(8, .noSpace), table)
    #expect(store.meta.stateDigest != raised)
  }

  /// Whatever was in the log before the alarm takes effect, and what comes behind it does not: on
  /// every member alike, for the state alone decides.
  @Test func `for space refuse what grows, and let the rest pass`() throws {
    var store = Store(generation: 1)
    let table = Table()
    _ = try store.run(put("a"), table)
    _ = try store.run(.lease(.grant(id: 5, ttl: 9)), table)
    _ = try store.run(raise(7, .noSpace), table)
    var guarded = TxnRequest()
    guarded.failure = [.txn(TxnRequest(putting: "b"))]
    for command in [put("b"), .txn(guarded), .lease(.grant(id: 6, ttl: 9))] {
      #expect(command.isGrowing)
      #expect(try store.run(command, table).result.answer == .failed(.noSpace))
    }
    var deleting = TxnRequest()
    deleting.success = [.deleteRange(DeleteRangeRequest(range: KeyRange(key: Array("a".utf8))))]
    for command in [
      .lease(.keepAlive(id: 5)), .txn(deleting), .compaction(revision: 2), .lease(.revoke(id: 5)),
      .deleteRange(DeleteRangeRequest(range: .everything)),
    ] as [Command] {
      #expect(!command.isGrowing)
      if case .failed(let error) = try store.run(command, table).result.answer {
        Issue.record("\(command) is refused: \(error)")
      }
    }
    // Any other member's alarm does as well.
    _ = try store.run(raise(8, .noSpace), table)
    _ = try store.run(lower(7, .noSpace), table)
    #expect(try store.run(put("b"), table).result.answer == .failed(.noSpace))
    _ = try store.run(lower(8, .noSpace), table)
    #expect(try store.run(put("b"), table).changes.count == 1)
  }

  @Test func `are bounded, for a client may name any member`() throws {
    var store = Store(generation: 1)
    let table = Table()
    for member in 0..<UInt64(Store.alarmLimit) { _ = try store.run(raise(member, .corrupt), table) }
    #expect(try store.run(raise(.max, .corrupt), table).result.answer == .alarms([]))
    #expect(store.meta.alarms.count == Store.alarmLimit)
  }

  @Test func `a mark tells the digest of the state before it`() throws {
    var store = Store(generation: 1)
    let table = Table()
    for number in 0..<3_000 { _ = try store.run(put("key \(number)"), table) }
    #expect(store.facts.mark == nil)
    let digest = store.meta.stateDigest
    #expect(try store.run(.upkeep(.mark), table).result.answer == .marked)
    let mark = try #require(store.facts.mark)
    #expect(mark.index == store.meta.appliedIndex && mark.digest == digest)
    #expect(mark.ranges.map(\.throughRow) == [1_023, 2_047, 3_071])
    #expect(mark.ranges.map(\.throughRevision) == [1_024, 2_048, 3_001])
  }

  /// The part of the history that holds what differs is named.
  @Test func `marks of two states tell where they differ`() throws {
    var stores = [Store(generation: 1), Store(generation: 1)]
    let table = Table()
    for number in 0..<5_000 {
      for member in stores.indices {
        let isOff = member == 1 && number == 2_100
        _ = try stores[member].run(put(isOff ? "another" : "key \(number)"), table)
      }
    }
    for member in stores.indices { _ = try stores[member].run(.upkeep(.mark), table) }
    let marks = try stores.map { try #require($0.facts.mark) }
    #expect(marks[0].digest != marks[1].digest)
    #expect(marks[1].revisions(differingFrom: marks[0]) == 2_048...3_072)
    #expect(marks[0].revisions(differingFrom: marks[1]) == 2_048...3_072)
    var other = marks[1]
    other.purgedRevision = 9
    #expect(other.revisions(differingFrom: marks[0]) == 1...5_001, "compacted otherwise")
  }
}

extension TxnRequest {
  fileprivate init(putting key: String) {
    self.init()
    success = [.put(PutRequest(key: Array(key.utf8), value: [1]))]
  }
}
