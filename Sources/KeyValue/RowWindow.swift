/// The newest rows, without a gap: those not flushed yet and, before them, some that are.
///
/// A value whose copies share their chunks: appending to a copy costs one chunk.
struct RowWindow: Sendable {
  private static let chunkLength = 32
  private static let chunkBytes = 64 << 10

  private struct Chunk: Sendable {
    var rows: [Row]
    var memoryBytes: Int
  }

  private var chunks: [Chunk] = []
  /// The first row number of each chunk.
  private var firsts: [RowNumber] = []
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
    guard let last = chunks.last, let start = firsts.last else { return first }
    return start + RowNumber(last.rows.count)
  }

  /// *Precondition*: its number is `next`.
  mutating func append(_ row: Row) {
    precondition(row.number == next, "row \(row.number) instead of \(next)")
    if tail.count == RowWindow.chunkLength || tailBytes >= RowWindow.chunkBytes {
      firsts.append(tail[0].number)
      chunks.append(Chunk(rows: tail, memoryBytes: tailBytes))
      tail = []
      tailBytes = 0
    }
    tail.append(row)
    tailBytes += row.memoryBytes
    memoryBytes += row.memoryBytes
  }

  /// `nil`: not held.
  func row(_ number: RowNumber) -> Row? {
    guard number >= first, number < next else { return nil }
    if let start = tail.first?.number, number >= start { return tail[Int(number - start)] }
    let chunk = chunk(of: number)
    return chunks[chunk].rows[Int(number - firsts[chunk])]
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
    var dropped = 0
    while memoryBytes > limit, dropped < chunks.count {
      let end = firsts[dropped] + RowNumber(chunks[dropped].rows.count)
      guard end - 1 <= flushed else { break }
      memoryBytes -= chunks[dropped].memoryBytes
      first = end
      dropped += 1
    }
    guard dropped > 0 else { return }
    chunks.removeFirst(dropped)
    firsts.removeFirst(dropped)
  }

  /// The last chunk that begins at or before `number`.
  private func chunk(of number: RowNumber) -> Int {
    var low = 0
    var high = firsts.count
    while low < high {
      let middle = (low + high) / 2
      if firsts[middle] <= number { low = middle + 1 } else { high = middle }
    }
    return low - 1
  }
}
