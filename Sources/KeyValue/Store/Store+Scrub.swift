/// What a part of the table must hold, for whoever reads all of it over and over.
public struct BlockExpectation: Hashable, Sendable {
  /// Its row numbers.
  public var rows: ClosedRange<RowNumber>
  public var count: Int64
  public var digest: StateDigest
  /// No row in it is of a later revision.
  public var lastRevision: Int64

  public init(
    rows: ClosedRange<RowNumber>, count: Int64, digest: StateDigest, lastRevision: Int64
  ) {
    self.rows = rows
    self.count = count
    self.digest = digest
    self.lastRevision = lastRevision
  }
}

extension Store {
  /// How many blocks of rows there are that may be looked at.
  public var blockCount: Int64 { BlockDigests.number(of: flushedEnd.meta.lastRow) + 1 }

  /// The last revision of the blocks before this one.
  public func revision(beforeBlock number: Int64) -> Int64 {
    number == 0 ? 1 : max(1, blocks[number - 1].lastRevision)
  }

  /// What the table holds in this block now; `nil`: part of it is on its way in or out, so that
  /// nobody can say.
  public func expectation(ofBlock number: Int64) -> BlockExpectation? {
    let first = number * BlockDigests.width
    let last = first + BlockDigests.width - 1
    guard !unsettledBlocks.contains(number),
      last <= flushedEnd.meta.lastRow || flushedEnd.meta.lastRow == state.meta.lastRow
    else { return nil }
    let block = blocks[number]
    return BlockExpectation(
      rows: first...last, count: block.count, digest: block.digest,
      lastRevision: block.lastRevision)
  }
}
