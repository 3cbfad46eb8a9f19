import Linearizability
import Testing

/// The whole store at once, by the revisions that it told.
@Suite struct RevisionOrderTests {
  private func sentence(_ script: Script) -> String? {
    switch Checker().verdict(on: script.history) {
    case .violated(let violation): return violation.sentence
    case .linearizable: return nil
    case .undecided(let keys): return "undecided: \(keys)"
    }
  }

  @Test func `no two writes get one revision`() {
    var script = Script()
    script.client(1, 0, 9, .put(key: "a", value: "1"), .put(revision: 2))
    script.client(2, 0, 9, .put(key: "b", value: "2"), .put(revision: 2))
    #expect(sentence(script) == "two writes were told the same revision 2")
  }

  @Test func `writes on different keys keep the order of real time`() {
    var script = Script()
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 3))
    script.client(2, 2, 3, .put(key: "b", value: "2"), .put(revision: 2))
    #expect(
      sentence(script)
        == "an answer shows revision 2, though revision 3 had been told before it was asked")
  }

  @Test func `a linearizable read comes after every write completed before it`() {
    var script = Script()
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 2))
    script.client(2, 2, 3, .get(key: "b", .linearizable), .got(nil, revision: 1, age: nil))
    #expect(
      sentence(script)
        == "an answer shows revision 1, though revision 2 had been told before it was asked")
  }

  @Test func `a serializable read may be old but shows a state that was`() {
    var script = Script(initialRevision: 1)
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 2))
    script.client(1, 2, 3, .put(key: "a", value: "2"), .put(revision: 3))
    var old = script
    old.client(2, 4, 5, .get(key: "a", .serializable), .got("1", revision: 2, age: nil))
    #expect(sentence(old) == nil)
    script.client(2, 4, 5, .get(key: "a", .serializable), .got("2", revision: 2, age: nil))
    #expect(sentence(script) == "a cannot have held 2 at revision 2")
  }

  @Test func `a session never goes back, even when it reads serializably`() {
    var script = Script()
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 2))
    script.client(2, 2, 3, .get(key: "a", .serializable), .got("1", revision: 2, age: nil))
    script.client(2, 4, 5, .get(key: "a", .serializable), .got(nil, revision: 1, age: nil))
    #expect(sentence(script) == "session 2 went back from revision 2 to 1")
  }

  @Test func `an age is never younger than the truth`() {
    var script = Script()
    script.client(1, 0, 10, .put(key: "a", value: "1"), .put(revision: 2))
    var honest = script
    honest.client(2, 50, 51, .get(key: "a", .serializable), .got(nil, revision: 1, age: 40))
    #expect(sentence(honest) == nil)
    script.client(2, 50, 51, .get(key: "a", .serializable), .got(nil, revision: 1, age: 39))
    #expect(
      sentence(script)
        == "an answer of age 39 at most misses revision 2, told before instant 11")
  }

  @Test func `a scan shows all keys of one revision`() {
    var script = Script(initialRevision: 1)
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 2))
    script.client(1, 2, 3, .put(key: "b", value: "2"), .put(revision: 3))
    let torn = History.Outcome.scanned([.init(key: "b", value: "2")], revision: 3, age: nil)
    script.client(2, 4, 5, .scan(.linearizable), torn)
    #expect(sentence(script) == "a cannot have held nothing at revision 3")
  }

  @Test func `a revision that no write explains is a refused write that took effect`() {
    var script = Script(initialRevision: 1)
    script.client(1, 0, 1, .put(key: "a", value: "1"), .refused)
    script.client(2, 2, 3, .put(key: "b", value: "2"), .put(revision: 3))
    #expect(sentence(script) == "no write explains revision 2")
  }

  @Test func `a write of unknown outcome explains one revision, after all told before it`() {
    var script = Script(initialRevision: 1)
    script.client(1, 0, 1, .put(key: "a", value: "1"), .unknown)
    var explained = script
    explained.client(2, 2, 3, .put(key: "b", value: "2"), .put(revision: 3))
    explained.client(2, 4, 5, .get(key: "a", .linearizable), .got("1", revision: 3, age: nil))
    #expect(sentence(explained) == nil)

    var early = Script(initialRevision: 1)
    early.client(2, 0, 1, .put(key: "b", value: "2"), .put(revision: 3))
    early.client(1, 2, 3, .put(key: "a", value: "1"), .unknown)
    #expect(sentence(early) == "no write explains revision 2")
  }

  @Test func `a delete and a failed swap are reads of their revision`() {
    var script = Script(initialRevision: 1)
    script.client(1, 0, 1, .put(key: "a", value: "1"), .put(revision: 2))
    var deleting = script
    deleting.client(1, 2, 3, .delete(key: "a"), .deleted(existed: false, revision: 2))
    #expect(sentence(deleting) == "a delete found nothing in a at revision 2")
    let swap = History.Call.compareAndSwap(key: "a", expected: "1", value: "2")
    script.client(1, 2, 3, swap, .swapped(false, revision: 2))
    #expect(sentence(script) == "a comparison failed though a held 1 at revision 2")
  }
}
