import Linearizability
import Testing

/// Random histories of a store that is atomic, and the same ones with a lie in them.
@Suite struct CheckerTests {
  private static let seeds: ClosedRange<UInt64> = 1...60

  private func found(in history: History) -> Violation? {
    switch Checker().verdict(on: history) {
    case .violated(let violation): return violation
    case .linearizable, .undecided: return nil
    }
  }

  /// The history as clients tell it who lost every answer to a put.
  private func withoutPutAnswers(_ history: History) -> History {
    history.answering { operation in
      if case .put = operation.outcome { return .unknown }
      return nil
    }
  }

  @Test(arguments: seeds) func `every history of an atomic store is accepted`(seed: UInt64) {
    let history = RandomHistory().history(seed: seed)
    #expect(Checker().verdict(on: history) == .linearizable)
    // Knowing less about the writes never makes an honest history a lie.
    #expect(Checker().verdict(on: withoutPutAnswers(history)) == .linearizable)
  }

  @Test(arguments: seeds) func `a stale read is rejected`(seed: UInt64) throws {
    let history = RandomHistory().history(seed: seed)
    // A read answered with what was there before the last write completed ahead of it.
    var told: [(completed: Int64, key: String, value: String, revision: Int64)] = []
    for operation in history.operations {
      if case .put(let key, let value) = operation.call,
        case .put(let revision) = operation.outcome, let completed = operation.completed
      {
        told.append((completed, key, value, revision))
      }
    }
    let stale = try #require(
      history.operations.last { operation in
        guard case .get = operation.call, case .got = operation.outcome else { return false }
        return told.contains { $0.completed < operation.invoked }
      })
    let mutated = history.answering {
      $0.id == stale.id ? .got(nil, revision: 1, age: nil) : nil
    }
    let violation = try #require(found(in: mutated))
    #expect(violation.witness.contains { $0.id == stale.id })
  }

  @Test(arguments: seeds) func `a lost write is rejected`(seed: UInt64) throws {
    // Two more calls at the end: an acknowledged write, and a read that shows the key as before.
    var history = RandomHistory().history(seed: seed)
    let end = (history.operations.compactMap(\.completed).max() ?? 0) + 1
    let revision = history.operations.compactMap(\.outcome.revision).max() ?? 1
    let write = history.invoke(.put(key: "k0", value: "last"), by: 9, session: 9, at: end)
    history.complete(write, .put(revision: revision + 40), at: end + 1)
    let read = history.invoke(.get(key: "k0", .linearizable), by: 8, session: 8, at: end + 2)
    history.complete(read, .got("v-before", revision: revision + 40, age: nil), at: end + 3)
    let violation = try #require(found(in: history))
    #expect(violation.witness.map(\.id) == [write, read])
  }

  @Test(arguments: seeds) func `a refused write that appears is rejected`(seed: UInt64) throws {
    // An operation that did succeed, told to have been refused, is found by the hole it leaves.
    let history = RandomHistory(unknownOneIn: 1_000_000).history(seed: seed)
    let liar = try #require(
      history.operations.first { operation in
        if case .put = operation.outcome { return true }
        return false
      })
    let mutated = history.answering { $0.id == liar.id ? .refused : nil }
    #expect(found(in: mutated) != nil)
  }

  @Test func `a contradiction on one key is told by the operations that make it`() throws {
    var script = Script()
    script.client(9, 0, 1, .put(key: "k", value: "first"), .put(revision: 2))
    // The revisions of the answers agree with each other; the values do not.
    script.client(1, 2, 50, .put(key: "k", value: "a"), .unknown)
    script.client(2, 3, 4, .get(key: "other", .linearizable), .got(nil, revision: 2, age: nil))
    script.client(3, 5, 6, .get(key: "k", .linearizable), .got("a", revision: 3, age: nil))
    script.client(4, 7, 8, .get(key: "k", .linearizable), .got("first", revision: 3, age: nil))
    script.client(5, 9, 10, .get(key: "k", .linearizable), .got("first", revision: 3, age: nil))
    let violation = try #require(found(in: script.history))
    #expect(violation.witness.map(\.client) == [9, 3, 4])
    #expect(
      violation.sentence == "no order of the 3 operations below on k explains every answer")
  }
}
