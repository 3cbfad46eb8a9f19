import KeyValue

/// The bytes of an `etcdserverpb.RangeResponse`, straight from the rows.
///
/// SwiftProtobuf would copy every key and value into a `Data` of its own before it writes them:
/// with a hundred pairs that is most of what a range costs. Field by field it is the same encoding
/// (protobuf.dev encoding), and a test holds the two against each other.
struct RangeAnswer {
  private(set) var bytes: [UInt8] = []

  init(_ response: RangeResponse, _ header: AnswerHeader) {
    let payload = response.pairs.reduce(0) { $0 + Self.length(of: $1) + 12 }
    bytes.reserveCapacity(payload + 64)
    append(header, revision: response.revision)
    for row in response.pairs { append(row) }
    append(field: 3, response.more ? 1 : 0)
    append(field: 4, UInt64(bitPattern: response.count))
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
  private mutating func append(_ row: Row) {
    append(tag: 2, .length, Self.length(of: row))
    append(field: 1, row.key)
    append(field: 2, UInt64(bitPattern: row.createRevision))
    append(field: 3, UInt64(bitPattern: row.modRevision))
    append(field: 4, UInt64(bitPattern: row.version))
    append(field: 5, row.value)
    append(field: 6, UInt64(bitPattern: row.lease))
  }

  private static func length(of row: Row) -> Int {
    length(row.key) + length(UInt64(bitPattern: row.createRevision))
      + length(UInt64(bitPattern: row.modRevision)) + length(UInt64(bitPattern: row.version))
      + length(row.value) + length(UInt64(bitPattern: row.lease))
  }

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

  private mutating func append(field: UInt8, _ value: [UInt8]) {
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

  private static func length(_ value: [UInt8]) -> Int {
    value.isEmpty ? 0 : 1 + varintLength(UInt64(value.count)) + value.count
  }

  private static func varintLength(_ value: UInt64) -> Int {
    (64 - (value | 1).leadingZeroBitCount + 6) / 7
  }
}
