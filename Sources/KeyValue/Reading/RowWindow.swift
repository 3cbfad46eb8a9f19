/// The newest rows, without a gap: those not flushed yet and, before them, some that are.
///
/// A value whose copies share their chunks. Chunks lie in runs, so that appending to a copy costs
/// at most one chunk and one run, however long the window is.
struct RowWindow: Sendable {
  private static let chunkLength = 32
  private static let chunkBytes = 64 << 10

  private struct Chunk: Sendable {
    var rows: [Row]
    var memoryBytes: Int
  }

  /// Some consecutive chunks.
  private struct Run: Sendable {
    /// Chunks of a full run.
    static let length = 64

    /// The first row number of each chunk.
    var firsts: [RowNumber] = []
    var chunks: [Chunk] = []

    mutating func append(_ rows: [Row], _ memoryBytes: Int) {
      firsts.append(rows[0].number)
      chunks.append(Chunk(rows: rows, memoryBytes: memoryBytes))
    }

    /// *Precondition*: one of its chunks holds it.
    func row(_ number: RowNumber) -> Row {
      let chunk = RowWindow.last(in: firsts, atOrBefore: number)
      return chunks[chunk].rows[Int(number - firsts[chunk])]
    }

    /// Drops its first chunks, of rows up to `flushed`, until `excess` bytes are gone or none is
    /// left. Answers how many went, and the first row number after them.
    mutating func drop(
      through flushed: RowNumber, excess: Int
    ) -> (memoryBytes: Int, end: RowNumber?) {
      var count = 0
      var memoryBytes = 0
      var end: RowNumber?
      while memoryBytes < excess, count < chunks.count {
        let next = firsts[count] + RowNumber(chunks[count].rows.count)
        guard next - 1 <= flushed else { break }
        end = next
        memoryBytes += chunks[count].memoryBytes
        count += 1
      }
      firsts.removeFirst(count)
      chunks.removeFirst(count)
      return (memoryBytes, end)
    }
  }

  /// Full runs, but for the first, which may have lost its beginning; none is empty.
  private var runs: [Run] = []
  /// No later than the first row number of each run, and later than the run before.
  private var runFirsts: [RowNumber] = []
  /// The newest chunks; empty only if no row is in a chunk.
  private var newest = Run()
  private var tail: [Row] = []
  private var tailBytes = 0
  /// The number of the first row held, or of the next to come.
  private(set) var first: RowNumber
  private(set) var memoryBytes = 0

  /// Holds no row; the next one has the number after `last`.
  init(after last: RowNumber) { first = last + 1 }

  /// The number of the next row.
  var next: RowNumber { tail.first.map { $0.number + RowNumber(tail.count) } ?? tailFirst }

  /// Where an empty tail begins.
  private var tailFirst: RowNumber {
    guard let last = newest.chunks.last, let start = newest.firsts.last else { return first }
    return start + RowNumber(last.rows.count)
  }

  /// *Precondition*: its number is `next`.
  mutating func append(_ row: Row) {
    precondition(row.number == next, "row \(row.number) instead of \(next)")
    if tail.count == RowWindow.chunkLength || tailBytes >= RowWindow.chunkBytes { closeTail() }
    tail.append(row)
    tailBytes += row.memoryBytes
    memoryBytes += row.memoryBytes
  }

  private mutating func closeTail() {
    if newest.chunks.count == Run.length {
      runFirsts.append(newest.firsts[0])
      runs.append(newest)
      newest = Run()
    }
    newest.append(tail, tailBytes)
    tail = []
    tailBytes = 0
  }

  func holds(_ number: RowNumber) -> Bool { number >= first && number < next }

  /// `nil`: not held.
  func row(_ number: RowNumber) -> Row? {
    guard holds(number) else { return nil }
    if let start = tail.first?.number, number >= start { return tail[Int(number - start)] }
    if number >= newest.firsts[0] { return newest.row(number) }
    return runs[RowWindow.last(in: runFirsts, atOrBefore: number)].row(number)
  }

  /// *Precondition*: all of them are held.
  func rows(_ numbers: ClosedRange<RowNumber>) -> [Row] {
    precondition(
      numbers.lowerBound >= first && numbers.upperBound < next,
      "rows \(numbers) of \(first)..<\(next)")
    var rows: [Row] = []
    rows.reserveCapacity(numbers.count)
    for number in numbers {
      guard let row = row(number) else { preconditionFailure("row \(number) is not held") }
      rows.append(row)
    }
    return rows
  }

  /// Drops whole chunks of rows up to `flushed`, oldest first, until the rest fits.
  mutating func drop(through flushed: RowNumber, keepingBytes limit: Int) {
    while memoryBytes > limit, !runs.isEmpty {
      let dropped = runs[0].drop(through: flushed, excess: memoryBytes - limit)
      take(dropped)
      guard runs[0].chunks.isEmpty else { return }
      runs.removeFirst()
      runFirsts.removeFirst()
    }
    guard runs.isEmpty, memoryBytes > limit else { return }
    take(newest.drop(through: flushed, excess: memoryBytes - limit))
  }

  private mutating func take(_ dropped: (memoryBytes: Int, end: RowNumber?)) {
    memoryBytes -= dropped.memoryBytes
    first = dropped.end ?? first
  }

  /// The last slot whose number is not above `number`; the first slot if none is.
  private static func last(in firsts: [RowNumber], atOrBefore number: RowNumber) -> Int {
    var low = 0
    var high = firsts.count
    while low < high {
      let middle = (low + high) / 2
      if firsts[middle] <= number { low = middle + 1 } else { high = middle }
    }
    return max(0, low - 1)
  }
}
