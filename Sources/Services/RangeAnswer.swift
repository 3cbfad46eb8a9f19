import KeyValue

/// The bytes of an `etcdserverpb.RangeResponse`, straight from the rows.
///
/// SwiftProtobuf would copy every key and value into a `Data` of its own before it writes them:
/// with a hundred pairs that is most of what a range costs. Field by field it is the same encoding
/// (protobuf.dev encoding), and a test holds the two against each other.
struct RangeAnswer {
  private(set) var bytes: [UInt8] = []
  /// Rows to come, as far as is known.
  private var expected: Int

  /// The head of an answer of about so many rows.
  init(revision: Int64, expecting rows: Int, _ header: AnswerHeader) {
    expected = rows
    append(header, revision: revision)
  }

  init(_ response: RangeResponse, _ header: AnswerHeader) {
    self.init(revision: response.revision, expecting: response.pairs.count, header)
    for row in response.pairs {
      row.key.withUnsafeBytes { key in
        row.value.withUnsafeBytes { value in append(row.head, key, value) }
      }
    }
    finish(more: response.more, count: response.count)
  }

  /// `ResponseHeader`, which is there even when it is empty.
  private mutating func append(_ header: AnswerHeader, revision: Int64) {
    let revision = UInt64(bitPattern: revision)
    let length =
      Self.length(header.cluster) + Self.length(header.member) + Self.length(revision)
      + Self.length(header.raftTerm)
    append(tag: 1, .length, length)
    append(field: 1, header.cluster)
    append(field: 2, header.member)
    append(field: 3, revision)
    append(field: 4, header.raftTerm)
  }

  /// `mvccpb.KeyValue`.
  mutating func append(
    _ head: RowHead, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    let create = UInt64(bitPattern: head.createRevision)
    let modified = UInt64(bitPattern: head.modRevision)
    let version = UInt64(bitPattern: head.version)
    let lease = UInt64(bitPattern: head.lease)
    let length =
      Self.length(key) + Self.length(create) + Self.length(modified) + Self.length(version)
      + Self.length(value) + Self.length(lease)
    reserve(length + 12)
    append(tag: 2, .length, length)
    append(field: 1, key)
    append(field: 2, create)
    append(field: 3, modified)
    append(field: 4, version)
    append(field: 5, value)
    append(field: 6, lease)
  }

  /// The fields behind the rows.
  mutating func finish(more: Bool, count: Int64) {
    append(field: 3, more ? 1 : 0)
    append(field: 4, UInt64(bitPattern: count))
  }

  /// Rows of one range are alike: the first tells about how much room all of them take.
  private mutating func reserve(_ rowBytes: Int) {
    guard expected > 0 else { return }
    bytes.reserveCapacity(bytes.count + min(expected * rowBytes, Self.reserveLimitBytes) + 32)
    expected = 0
  }

  /// Beyond it the answer grows as it comes.
  private static let reserveLimitBytes = 1 << 20

  // MARK: Fields, all numbered below 16: their tag is one byte. What is zero or empty is left out.

  private enum WireType: UInt8 {
    case varint = 0
    case length = 2
  }

  private mutating func append(tag field: UInt8, _ type: WireType, _ value: Int) {
    bytes.append(field << 3 | type.rawValue)
    append(varint: UInt64(value))
  }

  private mutating func append(field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    bytes.append(field << 3 | WireType.varint.rawValue)
    append(varint: value)
  }

  private mutating func append(field: UInt8, _ value: UnsafeRawBufferPointer) {
    guard !value.isEmpty else { return }
    append(tag: field, .length, value.count)
    bytes.append(contentsOf: value)
  }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func length(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varintLength(value) }

  private static func length(_ value: UnsafeRawBufferPointer) -> Int {
    value.isEmpty ? 0 : 1 + varintLength(UInt64(value.count)) + value.count
  }

  private static func varintLength(_ value: UInt64) -> Int {
    (64 - (value | 1).leadingZeroBitCount + 6) / 7
  }
}
