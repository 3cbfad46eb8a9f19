import KeyValue

/// An `etcdserverpb.RangeResponse` as it grows, row by row.
struct RangeAnswer {
  private(set) var fields = AnswerFields()
  /// Rows to come, as far as is known.
  private var expected: Int

  /// The head of an answer of about so many rows.
  init(revision: Int64, expecting rows: Int, _ header: AnswerHeader) {
    expected = rows
    fields.append(header, revision: revision)
  }

  init(_ response: RangeResponse, _ header: AnswerHeader) {
    self.init(revision: response.revision, expecting: response.pairs.count, header)
    for row in response.pairs { row.show { head, key, value in append(head, key, value) } }
    finish(more: response.more, count: response.count)
  }

  mutating func append(
    _ head: RowHead, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    if expected > 0 { reserve(key.count + value.count + Self.numbersBytes) }
    fields.append(pair: 2, head, key, value)
  }

  /// The fields behind the rows.
  mutating func finish(more: Bool, count: Int64) {
    fields.append(field: 3, more)
    fields.append(field: 4, count)
  }

  /// Rows of one range are alike: the first tells about how much room all of them take.
  private mutating func reserve(_ rowBytes: Int) {
    fields.reserve(min(expected * rowBytes, Self.reserveLimitBytes) + 32)
    expected = 0
  }

  /// What a row has beside its key and value, about.
  private static let numbersBytes = 32
  /// Beyond it the answer grows as it comes.
  private static let reserveLimitBytes = 1 << 20
}
