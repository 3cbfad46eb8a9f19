/// Digests of the rows that the table holds, a block of numbers at a time: so that a part of the
/// table can be proved by itself, and the part that differs can be named.
struct BlockDigests: Sendable {
  /// Row numbers of one block.
  static let width: Int64 = 1_024

  /// What is known of one block.
  struct Block: Hashable, Sendable {
    var digest = StateDigest()
    var count: Int64 = 0
    /// Of the last row that it ever got.
    var lastRevision: Int64 = 0
  }

  private var blocks: [Int64: Block] = [:]
  /// The block that rows were added to last, kept apart: most changes are in it.
  private var tail = Block()
  private var tailNumber: Int64 = -1

  static func number(of row: RowNumber) -> Int64 { row / width }

  mutating func add(_ row: RowNumber, revision: Int64, _ digest: StateDigest) {
    move(to: Self.number(of: row))
    tail.digest = tail.digest + digest
    tail.count += 1
    tail.lastRevision = max(tail.lastRevision, revision)
  }

  /// *Precondition*: the row was added.
  mutating func remove(_ row: RowNumber, _ digest: StateDigest) {
    move(to: Self.number(of: row))
    precondition(tail.count > 0, "row \(row) is removed from an empty block")
    tail.digest = tail.digest - digest
    tail.count -= 1
  }

  subscript(number: Int64) -> Block {
    number == tailNumber ? tail : blocks[number] ?? Block()
  }

  private mutating func move(to number: Int64) {
    guard number != tailNumber else { return }
    if tailNumber >= 0 { blocks[tailNumber] = tail }
    tail = blocks[number] ?? Block()
    tailNumber = number
  }

  /// The digests of `count` ranges that together are all rows up to `last`.
  func ranges(through last: RowNumber, count: Int64) -> [DigestMark.Range] {
    let blocksThere = Self.number(of: last) + 1
    let width = (blocksThere + count - 1) / count
    var ranges = (0..<(blocksThere + width - 1) / width).map { range in
      DigestMark.Range(throughRow: (range + 1) * width * Self.width - 1)
    }
    func add(_ number: Int64, _ block: Block) {
      let place = Int(number / width)
      ranges[place].digest &+= block.digest.lanes.0
      ranges[place].throughRevision = max(ranges[place].throughRevision, block.lastRevision)
    }
    for (number, block) in blocks where number != tailNumber { add(number, block) }
    if tailNumber >= 0 { add(tailNumber, tail) }
    return ranges
  }
}

extension DigestMark {
  /// The rows of one part of the table.
  public struct Range: Hashable, Sendable {
    public var throughRow: RowNumber
    /// No change in it is of a later revision.
    public var throughRevision: Int64
    public var digest: UInt64

    public init(throughRow: RowNumber, throughRevision: Int64 = 0, digest: UInt64 = 0) {
      self.throughRow = throughRow
      self.throughRevision = throughRevision
      self.digest = digest
    }
  }

  /// The parts that a mark tells of.
  static let rangeCount: Int64 = 32

  /// The revisions whose changes this state has otherwise than that of `model`, as far as the parts
  /// tell; all, where they cannot be compared.
  public func revisions(differingFrom model: DigestMark) -> ClosedRange<Int64> {
    let last = max(revision, model.revision)
    guard purgedRevision == model.purgedRevision, ranges.count == model.ranges.count,
      let first = zip(ranges, model.ranges).enumerated().first(where: { $1.0 != $1.1 })?.offset,
      let end = zip(ranges, model.ranges).enumerated().reversed()
        .first(where: { $1.0 != $1.1 })?.offset
    else { return 1...last }
    let low =
      first == 0
      ? 1
      : min(
        ranges[..<first].map(\.throughRevision).max() ?? 1,
        model.ranges[..<first].map(\.throughRevision).max() ?? 1)
    let high = max(ranges[end].throughRevision, model.ranges[end].throughRevision)
    return max(1, min(low, high))...max(1, high)
  }
}
