import Raft
import Replica
import Testing

@Suite("A query of death")
struct ApplyRecordTests {
  private func index(_ number: UInt64) -> LogIndex { LogIndex(number) }

  @Test func `a process that ended between entries leaves no suspicion`() {
    var record = ApplyRecord(build: 7)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    #expect(record == ApplyRecord(build: 7))
  }

  @Test func `one death is an accident, a second at the same entry is a verdict that stays`() {
    var record = ApplyRecord(applying: index(9), build: 7)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    #expect(record.suspect == index(9))
    record.applying = index(9)
    #expect(record.begin(applied: index(5), build: 7) == index(9))
    // The member that stays outside applies nothing and starts again.
    #expect(record.begin(applied: index(5), build: 7) == index(9))
  }

  @Test func `deaths at two entries are two accidents`() {
    var record = ApplyRecord(applying: index(9), build: 7)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    record.applying = index(8)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    record.applying = index(9)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    #expect(record.suspect == index(9) && record.deaths == 1)
  }

  @Test func `an entry that got into the state after all is no suspect`() {
    var record = ApplyRecord(applying: index(9), build: 7)
    #expect(record.begin(applied: index(5), build: 7) == nil)
    #expect(record.begin(applied: index(9), build: 7) == nil)
    #expect(record == ApplyRecord(build: 7))
    // It died after the entry was stored, so not of it.
    record.applying = index(9)
    #expect(record.begin(applied: index(9), build: 7) == nil)
    #expect(record == ApplyRecord(build: 7))
  }

  @Test(arguments: [(8, false), (7, true)])
  func `another version, or somebody's word, tries again`(build: UInt64, triesAgain: Bool) {
    var record = ApplyRecord(suspect: index(9), deaths: 2, build: 7)
    #expect(record.begin(applied: index(5), build: build, triesAgain: triesAgain) == nil)
    #expect(record == ApplyRecord(build: build))
  }
}
