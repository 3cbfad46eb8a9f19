import Glibc
import KeyValue
import Member
import Raft
import Storage
import Synchronization

/// The thread that reads the whole table over and over, a little at a time, and compares it with
/// what was written: a row that is changed behind the member's back is found before anybody is told
/// it.
///
/// Each row proves itself; each block of rows is proved by the digest that the store keeps in
/// memory. So a row that was changed together with its checksum is found as well.
///
/// ```text
///   applier   what does block b hold? ─┐               ┌─ still so? ─▶ then the table has it
///   patrol                             └─ read block b ┘
/// ```
struct PatrolThread {
  enum Job: Sendable {
    /// Looks at the next block.
    case look
    case answer(BlockAnswer)
    case adopt(Handover<any StateReader>)
  }

  private struct Found {
    var expected: BlockExpectation
    var count: Int64 = 0
    var digest = StateDigest()
  }

  private var reader: any StateReader
  private let pace: PatrolPace
  private let fate: Fate
  private let ask: @Sendable (Int64, BlockQuestion) -> Void
  private let tell: @Sendable (ClosedRange<Int64>) -> Void
  private let back: @Sendable (Job) -> Void
  private let isStopping: @Sendable () -> Bool
  private var number: Int64 = -1
  /// How often this block was found changing.
  private var misses = 0
  private var found: Found?
  /// The last revision of the block before.
  private var revisionBefore: Int64 = 1
  private var cycleBegan = MonotonicClock.now()
  private var hasTold = false

  /// `ask` asks the applier about a block, `tell` is told of damaged revisions, once.
  init(
    reader: Handover<any StateReader>, pace: PatrolPace, fate: Fate,
    ask: @escaping @Sendable (Int64, BlockQuestion) -> Void,
    tell: @escaping @Sendable (ClosedRange<Int64>) -> Void,
    back: @escaping @Sendable (Job) -> Void, isStopping: @escaping @Sendable () -> Bool
  ) {
    self.reader = reader.value
    self.pace = pace
    self.fate = fate
    self.ask = ask
    self.tell = tell
    self.back = back
    self.isStopping = isStopping
    back(.look)
  }

  mutating func work(_ jobs: [Job]) {
    for job in jobs {
      do {
        try take(job)
      } catch let error as StorageError {
        fate.seal(ServerExit(error))
      } catch {
        fate.seal(.diskFailed(file: "the state file", reason: "\(error)"))
      }
    }
  }

  private mutating func take(_ job: Job) throws {
    switch job {
    case .look:
      number += 1
      ask(number, .expect)
    case .answer(.expect(let expected, let number, let blocks, let before)):
      guard number == self.number else { return }
      revisionBefore = before
      if number >= blocks { return endCycle(blocks) }
      guard let expected else { return lookAgain() }
      try read(expected)
      ask(number, .confirm)
    case .answer(.confirm(let expected, let number)):
      guard number == self.number else { return }
      // It has told what it found, or the member ends.
      guard let found else { return back(.look) }
      self.found = nil
      guard expected == found.expected else { return lookAgain() }
      if found.count != found.expected.count || found.digest != found.expected.digest {
        report(found.expected)
      }
      misses = 0
      back(.look)
    case .adopt(let new):
      reader.close()
      reader = new.value
      found = nil
      number = -1
      back(.look)
    }
  }

  private mutating func endCycle(_ blocks: Int64) {
    number = -1
    let rest = pace.cycle - (MonotonicClock.now() - cycleBegan)
    pause(max(rest, .milliseconds(50)))
    cycleBegan = MonotonicClock.now()
    back(.look)
  }

  /// The block is changing. If it goes on doing so, its turn is in the next round: the newest one
  /// changes all the time while the store is written to.
  private mutating func lookAgain() {
    misses += 1
    if misses < Self.patience {
      pause(.milliseconds(20))
      number -= 1
    } else {
      misses = 0
    }
    back(.look)
  }

  private static let patience = 4

  /// Reads one block in short transactions. A row that does not prove itself is damage of its own.
  private mutating func read(_ expected: BlockExpectation) throws {
    var found = Found(expected: expected)
    var next = expected.rows.lowerBound
    while next <= expected.rows.upperBound, !isStopping() {
      let begun = MonotonicClock.now()
      guard let rows = try reader.inspect(from: next, limit: pace.pieceRows) else {
        return report(expected)
      }
      for row in rows where row.number <= expected.rows.upperBound {
        found.count += 1
        found.digest = found.digest + StateDigest(of: row)
      }
      guard let last = rows.last, last.number < expected.rows.upperBound else { break }
      next = last.number + 1
      let share = Duration.seconds(1) * pace.pieceRows / pace.rowsPerSecond
      pause(share - (MonotonicClock.now() - begun))
    }
    self.found = found
  }

  private mutating func report(_ block: BlockExpectation) {
    guard !hasTold else { return }
    hasTold = true
    let first = min(revisionBefore, block.lastRevision)
    tell(max(1, first)...max(1, block.lastRevision))
  }

  /// In short pieces, so that the member's end does not wait for it.
  private func pause(_ duration: Duration) {
    var rest = duration
    while rest > .zero, !isStopping() {
      let piece = min(rest, .milliseconds(50))
      usleep(UInt32(piece.nanoseconds / 1_000))
      rest -= piece
    }
  }

  mutating func close() { reader.close() }
}

/// How fast the table is read for changes behind the member's back.
public struct PatrolPace: Hashable, Sendable {
  /// A store that can be read in this time is.
  public var cycle: Duration = .seconds(20)
  /// Rows of one second, at most: some five microseconds of a processor each.
  public var rowsPerSecond = 10_000
  /// Rows of one read transaction.
  public var pieceRows = 128

  public init() {}
}
