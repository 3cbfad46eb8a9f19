import Base
import KeyValue
import Raft
import Storage

/// Three members apply one log, each with a rhythm of its own for flushes, purges and restarts:
/// results and states are equal after every entry (failures A2, A3, S2).
enum StoreDrill {
  private static let lives: UInt64 = 40
  private static let entries: UInt64 = 250

  static func run() throws -> Drill.Ending {
    var steps = 0
    for life in 1...lives {
      var dice = SplitMix64(seed: life)
      var members = try [1, 7, 50].map { try Member(rhythm: $0) }
      for index in 1...entries {
        steps += 1
        let command = draw(&dice, revision: members[0].store.meta.revision)
        var answers: [Answer] = []
        for position in members.indices {
          answers.append(try members[position].apply(index, command))
        }
        guard answers.allSatisfy({ $0 == answers[0] }) else {
          return Drill.Ending(
            finding: "the stores differ after entry \(index) of life \(life)", steps: steps)
        }
      }
    }
    return Drill.Ending(finding: nil, steps: steps)
  }

  /// What must be equal.
  private struct Answer: Equatable {
    var result: CommandResult
    var revision: Int64
    var compactRevision: Int64
    var digest: StateDigest
  }

  private struct Member {
    let memory = MemoryStore(
      identity: Identity(
        cluster: 1, member: MemberID(1), name: "m1", incarnation: Incarnation(1)))
    /// Flushes after every so many entries, purges then too, and restarts a little less often.
    let rhythm: UInt64
    let state: any StateStore
    var store: Store

    init(rhythm: UInt64) throws {
      self.rhythm = rhythm
      state = try memory.openState()
      store = Store(generation: 1)
    }

    mutating func apply(_ index: UInt64, _ command: Command) throws -> Answer {
      let applied = try store.apply(index: index, term: 1, command, reading: state)
      if index.isMultiple(of: rhythm) { try flush() }
      if index.isMultiple(of: rhythm * 3) {
        try flush()
        store = try state.load()
      }
      return Answer(
        result: applied.result, revision: store.meta.revision,
        compactRevision: store.meta.compactRevision, digest: store.meta.stateDigest)
    }

    private mutating func flush() throws {
      for _ in 0..<2 {
        _ = try store.purge(limitRows: 100, reading: state)
        while let batch = store.takeFlushBatch(limitBytes: 1 << 16) {
          try state.flush(batch)
          store.flushed(through: batch.meta.appliedIndex)
        }
      }
    }
  }

  // MARK: Commands

  private static func draw(_ dice: inout SplitMix64, revision: Int64) -> Command {
    switch dice.index(below: 10) {
    case 0...2: .put(put(&dice))
    case 3...4: .deleteRange(DeleteRangeRequest(range: range(&dice)))
    case 5: .compaction(revision: past(&dice, revision))
    default: .txn(transaction(&dice, revision, depth: 2))
    }
  }

  /// Often a little in the past, sometimes never reached, sometimes the newest (zero).
  private static func past(_ dice: inout SplitMix64, _ revision: Int64) -> Int64 {
    max(0, revision + 2 - Int64(dice.next(below: 12)))
  }

  private static func key(_ dice: inout SplitMix64) -> [UInt8] {
    Array("k\(dice.next(below: 6))".utf8)
  }

  private static func range(_ dice: inout SplitMix64) -> KeyRange {
    KeyRange(key: key(&dice), end: dice.chance(1, in: 3) ? Array("k9".utf8) : [])
  }

  private static func put(_ dice: inout SplitMix64) -> PutRequest {
    var put = PutRequest(key: key(&dice), value: [UInt8(dice.next(below: 256))])
    put.previousPair = dice.chance(1, in: 2)
    if dice.chance(1, in: 5) {
      put.ignoreValue = true
      put.value = []
    }
    return put
  }

  private static func transaction(
    _ dice: inout SplitMix64, _ revision: Int64, depth: Int
  ) -> TxnRequest {
    var request = TxnRequest()
    if dice.chance(1, in: 2) {
      request.compares = [
        Compare(
          range: range(&dice), relation: .greater,
          target: .version(Int64(dice.next(below: 3))))
      ]
    }
    for _ in 0..<dice.index(below: 4) {
      request.success.append(operation(&dice, revision, depth))
      request.failure.append(operation(&dice, revision, depth))
    }
    return request
  }

  private static func operation(
    _ dice: inout SplitMix64, _ revision: Int64, _ depth: Int
  ) -> Operation {
    switch dice.index(below: depth > 0 ? 5 : 4) {
    case 0: return .put(put(&dice))
    case 1: return .deleteRange(DeleteRangeRequest(range: range(&dice)))
    case 2...3:
      var read = RangeRequest(range: range(&dice))
      read.revision = past(&dice, revision)
      return .range(read)
    default: return .txn(transaction(&dice, revision, depth: depth - 1))
    }
  }
}
