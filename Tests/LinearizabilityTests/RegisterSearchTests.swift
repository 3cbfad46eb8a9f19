import Testing

@testable import Linearizability

/// One key, without believing any revision (Wing and Gong 1993, Lowe 2017).
@Suite struct RegisterSearchTests {
  /// Operations on one key, all at revision zero: the search does not look at revisions.
  private func result(
    stepLimit: Int = 100_000,
    _ operations: [(from: Int64, to: Int64, call: History.Call, outcome: History.Outcome)]
  ) -> RegisterSearch.Result {
    var script = Script()
    for (client, line) in operations.enumerated() {
      script.client(client, line.from, line.to, line.call, line.outcome)
    }
    return RegisterSearch(script.history.operations, stepLimit: stepLimit).result()
  }

  private func put(_ value: String) -> History.Call { .put(key: "k", value: value) }
  private let get = History.Call.get(key: "k", .linearizable)
  private let delete = History.Call.delete(key: "k")
  private let done = History.Outcome.put(revision: 0)
  private func saw(_ value: String?) -> History.Outcome { .got(value, revision: 0, age: nil) }

  @Test func `a read during a write may see it or not`() {
    #expect(result([(0, 9, put("a"), done), (1, 2, get, saw("a"))]) == .linearizable)
    #expect(result([(0, 9, put("a"), done), (1, 2, get, saw(nil))]) == .linearizable)
  }

  @Test func `a read after a write sees it`() {
    #expect(result([(0, 1, put("a"), done), (2, 3, get, saw("a"))]) == .linearizable)
    #expect(result([(0, 1, put("a"), done), (2, 3, get, saw(nil))]) == .impossible)
  }

  @Test func `a call at the instant of an answer overlaps it`() {
    #expect(result([(0, 2, put("a"), done), (2, 3, get, saw(nil))]) == .linearizable)
  }

  @Test func `two reads in turn never see a write come and go`() {
    let history: [(from: Int64, to: Int64, call: History.Call, outcome: History.Outcome)] = [
      (0, 9, put("a"), done), (1, 2, get, saw("a")), (3, 4, get, saw(nil)),
    ]
    #expect(result(history) == .impossible)
  }

  @Test func `a write of unknown outcome may take effect late or never`() {
    #expect(result([(0, 1, put("a"), .unknown), (2, 3, get, saw(nil))]) == .linearizable)
    #expect(
      result([
        (0, 1, put("a"), .unknown), (2, 3, get, saw(nil)), (4, 5, get, saw("a")),
      ]) == .linearizable)
    #expect(
      result([
        (0, 1, put("a"), .unknown), (2, 3, get, saw("a")), (4, 5, get, saw(nil)),
      ]) == .impossible)
  }

  @Test func `a write of unknown outcome does not take effect before its call`() {
    #expect(result([(0, 1, get, saw("a")), (2, 3, put("a"), .unknown)]) == .impossible)
  }

  @Test func `a refused write never appears`() {
    #expect(result([(0, 1, put("a"), .refused), (2, 3, get, saw("a"))]) == .impossible)
  }

  @Test func `only one of two swaps from the same value succeeds`() {
    func swap(_ value: String) -> History.Call {
      .compareAndSwap(key: "k", expected: "a", value: value)
    }
    let swapped = History.Outcome.swapped(true, revision: 0)
    let differs = History.Outcome.swapped(false, revision: 0)
    #expect(
      result([(0, 1, put("a"), done), (2, 9, swap("b"), swapped), (2, 9, swap("c"), differs)])
        == .linearizable)
    #expect(
      result([(0, 1, put("a"), done), (2, 9, swap("b"), swapped), (2, 9, swap("c"), swapped)])
        == .impossible)
  }

  @Test func `a delete tells whether the key was there`() {
    let found = History.Outcome.deleted(existed: true, revision: 0)
    let missed = History.Outcome.deleted(existed: false, revision: 0)
    #expect(result([(0, 1, put("a"), done), (2, 3, delete, found)]) == .linearizable)
    #expect(result([(0, 1, put("a"), done), (2, 3, delete, missed)]) == .impossible)
    #expect(result([(2, 3, delete, found)]) == .impossible)
    #expect(
      result([
        (0, 1, put("a"), done), (2, 3, delete, .unknown), (4, 5, get, saw(nil)),
      ]) == .linearizable)
  }

  @Test func `a search that reaches its limit is undecided`() {
    var lines: [(from: Int64, to: Int64, call: History.Call, outcome: History.Outcome)] = []
    for number in 0..<30 { lines.append((0, 1, put("v\(number)"), .unknown)) }
    lines.append((2, 3, get, saw("never written")))
    #expect(result(stepLimit: 10_000, lines) == .undecided)
  }

  @Test func `long histories of many answered operations are searched quickly`() {
    let history = RandomHistory(keys: 1, calls: 5_000).history(seed: 7)
    let search = RegisterSearch(history.operationsByKey()[0].operations, stepLimit: 500_000)
    #expect(search.result() == .linearizable)
  }
}
