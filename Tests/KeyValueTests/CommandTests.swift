import Testing

@testable import KeyValue

/// What etcd answers, case by case (etcd apply.go).
@Suite struct CommandTests {
  private let table = Table()

  private func range(
    _ store: Store, _ change: (inout RangeRequest) -> Void
  ) throws -> Result<RangeResponse, CommandError> {
    var request = RangeRequest(range: .everything)
    change(&request)
    var cache = RowCache(limitBytes: 0)
    return try store.readView.range(request, cache: &cache, reading: table)
  }

  private func put(_ key: String, _ value: String) -> PutRequest {
    PutRequest(key: [UInt8](key), value: [UInt8](value))
  }

  /// Keys a, b, c, d; the newest change first to a, then d, c, b; values fall as keys rise.
  private func fourKeys() throws -> Store {
    var store = Store(generation: 1)
    for (key, value) in [("b", "3"), ("c", "2"), ("d", "1"), ("a", "4"), ("b", "3")] {
      _ = try store.run(.put(put(key, value)), table)
    }
    return store
  }

  @Test func `sorting looks at everything before the limit cuts`() throws {
    let store = try fourKeys()
    let cases: [(RangeRequest.SortTarget, RangeRequest.SortOrder, String)] = [
      (.key, .ascend, "ab"), (.key, .descend, "dc"), (.key, .none, "ab"),
      (.value, .ascend, "dc"), (.value, .descend, "ab"),
      (.mod, .ascend, "cd"), (.mod, .descend, "ba"),
      (.create, .ascend, "bc"), (.create, .descend, "ad"),
      (.version, .ascend, "ac"), (.version, .descend, "ba"),
      // A target without an order sorts what the limit, and one more, let through.
      (.value, .none, "cb"), (.mod, .none, "ca"),
    ]
    for (target, order, keys) in cases {
      let response = try range(store) {
        $0.sortTarget = target
        $0.sortOrder = order
        $0.limit = 2
      }.get()
      let answer = response.pairs.map { String(decoding: $0.key, as: UTF8.self) }.joined()
      #expect(answer == keys, "\(target) \(order)")
      #expect(response.more)
      #expect(response.count == 4)
    }
  }

  @Test func `filters hide pairs but not from the count`() throws {
    let store = try fourKeys()
    let response = try range(store) {
      $0.minModRevision = 3
      $0.maxCreateRevision = 4
      $0.limit = 2
    }.get()
    #expect(response.pairs.map(\.text) == ["b=3@6", "c=2@3"])
    #expect(response.more)
    #expect(response.count == 4)
  }

  @Test func `a revision that is not there is an error, one below one is the newest`() throws {
    var store = try fourKeys()
    _ = try store.run(.compaction(revision: 4), table)
    #expect(try range(store) { $0.revision = 7 } == .failure(.futureRevision))
    #expect(try range(store) { $0.revision = 3 } == .failure(.compacted))
    #expect(try range(store) { $0.revision = 4 }.get().count == 3)
    #expect(try range(store) { $0.revision = -1 }.get().count == 4)
  }

  @Test func `a put keeps what it is told to ignore, and needs a key for it`() throws {
    var store = Store(generation: 1)
    var keep = put("a", "")
    keep.ignoreValue = true
    keep.previousPair = true
    let missing = try store.run(.put(keep), table).result
    #expect(missing == CommandResult(revision: 1, answer: .failed(.keyNotFound)))
    _ = try store.run(.put(put("a", "x")), table)
    guard case .put(let response) = try store.run(.put(keep), table).result.answer else {
      Issue.record("the put failed")
      return
    }
    #expect(response.previous?.text == "a=x@2")
    #expect(try range(store) { _ in }.get().pairs.map(\.text) == ["a=x@3"])
    var leased = put("b", "")
    leased.lease = 1
    leased.ignoreValue = true
    #expect(try store.run(.put(leased), table).result.answer == .failed(.leaseNotFound))
    // In a transaction etcd looks at the key first.
    var request = TxnRequest()
    request.success = [.put(leased)]
    #expect(try store.run(.txn(request), table).result.answer == .failed(.keyNotFound))
  }

  @Test func `compares with a missing key see zeroes, and no value at all`() throws {
    let cases: [(Compare.Target, Compare.Relation, Bool)] = [
      (.version(0), .equal, true), (.version(1), .less, true), (.version(0), .notEqual, false),
      (.createRevision(0), .equal, true), (.modRevision(0), .greater, false),
      (.lease(0), .equal, true), (.value([]), .equal, false), (.value([1]), .notEqual, false),
    ]
    for end in ["", "b"] {
      for (target, relation, holds) in cases {
        var request = TxnRequest()
        request.compares = [
          Compare(range: KeyRange("a", end), relation: relation, target: target)
        ]
        var store = Store(generation: 1)
        let answer = try store.run(.txn(request), table).result.answer
        let expected = TxnResponse(succeeded: holds, responses: [])
        #expect(answer == .txn(expected), "\(target) \(relation)")
      }
    }
  }

  @Test func `a transaction has one revision, reads its own writes, and is all or nothing`() throws
  {
    var store = Store(generation: 1)
    var request = TxnRequest()
    let read = Operation.range(RangeRequest(range: .everything))
    request.success = [
      read, .put(put("a", "1")), read, .put(put("b", "2")),
      .deleteRange(DeleteRangeRequest(range: KeyRange("a"))), read,
    ]
    let applied = try store.run(.txn(request), table)
    #expect(applied.result.revision == 2)
    #expect(applied.changes.map(\.row.subRevision) == [0, 1, 2])
    #expect(applied.changes.map(\.previous) == [0, 0, 1])
    guard case .txn(let response) = applied.result.answer else {
      Issue.record("the transaction failed")
      return
    }
    let reads = response.responses.compactMap { response -> String? in
      guard case .range(let range) = response else { return nil }
      return "\(range.revision): " + range.pairs.map(\.text).joined(separator: " ")
    }
    #expect(reads == ["1: ", "2: a=1@2", "2: b=2@2"])

    var future = RangeRequest(range: .everything)
    future.revision = 3
    request.success = [.put(put("c", "1")), .range(future)]
    let refused = try store.run(.txn(request), table)
    #expect(refused.result == CommandResult(revision: 2, answer: .failed(.futureRevision)))
    #expect(refused.changes.isEmpty)
    #expect(try range(store) { _ in }.get().count == 1)
  }

  /// All compares look at the state before the transaction, nested ones too.
  @Test func `a nested compare does not see what its transaction wrote`() throws {
    var store = Store(generation: 1)
    var nested = TxnRequest()
    nested.compares = [Compare(range: KeyRange("a"), relation: .equal, target: .version(0))]
    nested.success = [.put(put("b", "unseen"))]
    var request = TxnRequest()
    request.success = [.put(put("a", "1")), .txn(nested)]
    _ = try store.run(.txn(request), table)
    #expect(try range(store) { _ in }.get().pairs.map(\.text) == ["a=1@2", "b=unseen@2"])
  }

  /// etcd 3.4 panics here, on every member in turn.
  @Test func `a put that keeps a value deleted before it in its transaction is total`() throws {
    var store = Store(generation: 1)
    _ = try store.run(.put(put("a", "1")), table)
    var keep = put("a", "")
    keep.ignoreValue = true
    var request = TxnRequest()
    request.success = [
      .deleteRange(DeleteRangeRequest(range: KeyRange("a", "\0"))), .put(keep),
    ]
    try request.validate()
    _ = try store.run(.txn(request), table)
    #expect(try range(store) { _ in }.get().pairs.map(\.text) == ["a=@3"])
  }

  @Test func `a transaction that only reads runs on a read view`() throws {
    let store = try fourKeys()
    var request = TxnRequest()
    request.compares = [Compare(range: KeyRange("a"), relation: .equal, target: .value([0x34]))]
    request.success = [.range(RangeRequest(range: KeyRange("c")))]
    var cache = RowCache(limitBytes: 0)
    let response = try store.readView.transact(request, cache: &cache, reading: table).get()
    #expect(response.succeeded)
    guard case .range(let range) = response.responses[0] else {
      Issue.record("a range is answered by a range")
      return
    }
    #expect(range.pairs.map(\.text) == ["c=2@3"])
    guard case .answer(let same) = store.readView.transact(request, cache: &cache) else {
      Issue.record("all of it is in memory")
      return
    }
    #expect(same == response)
  }
}
