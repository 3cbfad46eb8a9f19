public import Base
import KeyValue
import Raft

/// The lane that reads the whole table over and over, a little at a time, and compares it with what
/// was written: a row that is changed behind the member's back is found before anybody is told it.
///
/// Each row proves itself; each block of rows is proved by the digest that the store keeps in
/// memory. So a row that was changed together with its checksum is found as well.
///
/// ```text
///   apply   what does block b hold? ─┐               ┌─ still so? ─▶ then the table has it
///   scrub                            └─ read block b ┘
/// ```
///
/// Apply hands over another generation before it answers for it. So an answer that comes after the
/// handover speaks of the generation that is open here, and nothing found before it counts.
public struct ScrubLane<Ports: ScrubPorts> {
  private struct Found {
    var expected: BlockExpectation
    /// The next row to be read.
    var next: RowNumber
    var count: Int64 = 0
    var digest = StateDigest()
    /// A row does not prove itself.
    var isDamaged = false

    var isExpected: Bool {
      !isDamaged && count == expected.count && digest == expected.digest
    }
  }

  private enum Phase {
    /// The next block's turn comes at this instant.
    case rests(until: Instant)
    case expects
    /// The next piece is read at this instant.
    case reads(Found, at: Instant)
    case confirms(Found)
  }

  private let pace: ScrubPace
  private var phase = Phase.rests(until: .zero)
  /// The block whose turn it is.
  private var number: Int64 = 0
  /// How often this block was found changing.
  private var misses = 0
  /// The last revision of the block before.
  private var revisionBefore: Int64 = 1
  /// `nil`: the first round has not begun.
  private var cycleBegan: Instant?
  private var hasReported = false
  private var hasFailed = false

  /// Looks at a block that is changing before its turn goes to the next round: the newest one
  /// changes all the time while the store is written to.
  private static var patience: Int { 4 }
  private static var changingPause: Duration { .milliseconds(20) }
  /// Between two rounds, however large the table is.
  private static var shortestRest: Duration { .milliseconds(50) }

  public init(pace: ScrubPace) { self.pace = pace }

  /// Takes a batch in, and reads the next piece if its time has come.
  public mutating func turn(
    _ letters: [ScrubLetter<Ports.Reader>], at now: Instant, ports: inout Ports,
    out: inout ScrubOutput
  ) {
    guard !hasFailed else { return }
    for letter in letters {
      switch letter {
      case .answer(.expect(let expected, let number, let blocks, let before)):
        guard case .expects = phase, number == self.number else { continue }
        revisionBefore = before
        begin(expected, blocks, now)
      case .answer(.confirm(let expected, let number)):
        guard case .confirms(let found) = phase, number == self.number else { continue }
        judge(found, expected, now, &out)
      case .adopt(let reader):
        ports.adopt(reader.take())
        (number, misses) = (0, 0)
        phase = .rests(until: now)
      }
    }
    do {
      try work(now, &ports, &out)
    } catch {
      hasFailed = true
      out.fault = error
    }
  }

  private mutating func work(
    _ now: Instant, _ ports: inout Ports, _ out: inout ScrubOutput
  ) throws {
    switch phase {
    case .rests(until: let instant):
      guard instant <= now else {
        out.wakeAt = instant
        return
      }
      if cycleBegan == nil { cycleBegan = now }
      phase = .expects
      out.question = (number, .expect)
    case .reads(let found, at: let instant):
      guard instant <= now else {
        out.wakeAt = instant
        return
      }
      try read(found, now, &ports, &out)
    case .expects, .confirms: break
    }
  }

  private mutating func begin(_ expected: BlockExpectation?, _ blocks: Int64, _ now: Instant) {
    if number >= blocks { return endCycle(now) }
    guard let expected else { return lookAgain(now) }
    phase = .reads(Found(expected: expected, next: expected.rows.lowerBound), at: now)
  }

  /// Reads one piece of a block, in one short transaction.
  private mutating func read(
    _ before: Found, _ now: Instant, _ ports: inout Ports, _ out: inout ScrubOutput
  ) throws {
    var found = before
    let rows = try ports.inspect(from: found.next, limit: pace.pieceRows)
    found.isDamaged = rows == nil
    for row in rows ?? [] where row.number <= found.expected.rows.upperBound {
      found.count += 1
      found.digest = found.digest + StateDigest(of: row)
    }
    if let last = rows?.last, last.number < found.expected.rows.upperBound {
      found.next = last.number + 1
      let next = now + Duration.seconds(1) * pace.pieceRows / pace.rowsPerSecond
      phase = .reads(found, at: next)
      out.wakeAt = next
    } else {
      phase = .confirms(found)
      out.question = (number, .confirm)
    }
  }

  /// `expected`: what the block must hold now that it was read.
  private mutating func judge(
    _ found: Found, _ expected: BlockExpectation?, _ now: Instant, _ out: inout ScrubOutput
  ) {
    guard found.isDamaged || expected == found.expected else { return lookAgain(now) }
    if !found.isExpected, !hasReported {
      hasReported = true
      let first = min(revisionBefore, found.expected.lastRevision)
      out.damaged = max(1, first)...max(1, found.expected.lastRevision)
    }
    goOn(now)
  }

  private mutating func goOn(_ now: Instant) {
    (number, misses) = (number + 1, 0)
    phase = .rests(until: now)
  }

  /// The block is changing.
  private mutating func lookAgain(_ now: Instant) {
    misses += 1
    guard misses < Self.patience else { return goOn(now) }
    phase = .rests(until: now + Self.changingPause)
  }

  private mutating func endCycle(_ now: Instant) {
    let spent = cycleBegan.map { now - $0 } ?? .zero
    cycleBegan = nil
    (number, misses) = (0, 0)
    phase = .rests(until: now + max(pace.cycle - spent, Self.shortestRest))
  }
}

/// How fast the table is read for changes behind the member's back.
public struct ScrubPace: Hashable, Sendable {
  /// A store that can be read in this time is.
  public var cycle: Duration = .seconds(20)
  /// Rows of one second, at most: some five microseconds of a processor each.
  public var rowsPerSecond = 10_000
  /// Rows of one read transaction.
  public var pieceRows = 128

  public init() {}
}
