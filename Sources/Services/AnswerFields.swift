import KeyValue

/// The bytes of an answer, field by field (protobuf.dev encoding), straight from what the store
/// says.
///
/// SwiftProtobuf would copy every key and value into a `Data` of its own before it writes them, and
/// measures each message once for every message around it: with a hundred pairs that is most of
/// what a range costs, and of a small answer half. A test holds the two against each other.
struct AnswerFields {
  private(set) var bytes: [UInt8] = []

  // MARK: Fields, all numbered below 16: their tag is one byte. What is zero or empty is left out.

  private enum WireType: UInt8 {
    case varint = 0
    case length = 2
  }

  mutating func append(field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    bytes.append(field << 3 | WireType.varint.rawValue)
    append(varint: value)
  }

  mutating func append(field: UInt8, _ value: Int64) {
    append(field: field, UInt64(bitPattern: value))
  }

  mutating func append(field: UInt8, _ value: Bool) {
    append(field: field, value ? UInt64(1) : 0)
  }

  /// A message within, which is there even when it is empty.
  mutating func append(field: UInt8, _ inner: AnswerFields) {
    append(tag: field, length: inner.bytes.count)
    bytes += inner.bytes
  }

  /// Fields that were encoded before.
  mutating func append(encoded fields: [UInt8]) { bytes += fields }

  /// `ResponseHeader`.
  mutating func append(_ header: AnswerHeader, revision: Int64) {
    let revision = UInt64(bitPattern: revision)
    let length =
      Self.length(header.cluster) + Self.length(header.member) + Self.length(revision)
      + Self.length(header.raftTerm)
    append(tag: 1, length: length)
    append(field: 1, header.cluster)
    append(field: 2, header.member)
    append(field: 3, revision)
    append(field: 4, header.raftTerm)
  }

  /// `mvccpb.KeyValue`.
  mutating func append(
    pair field: UInt8, _ head: RowHead, _ key: UnsafeRawBufferPointer,
    _ value: UnsafeRawBufferPointer
  ) {
    let create = UInt64(bitPattern: head.createRevision)
    let modified = UInt64(bitPattern: head.modRevision)
    let version = UInt64(bitPattern: head.version)
    let lease = UInt64(bitPattern: head.lease)
    let length =
      Self.length(key) + Self.length(create) + Self.length(modified) + Self.length(version)
      + Self.length(value) + Self.length(lease)
    append(tag: field, length: length)
    append(field: 1, key)
    append(field: 2, create)
    append(field: 3, modified)
    append(field: 4, version)
    append(field: 5, value)
    append(field: 6, lease)
  }

  mutating func append(pair field: UInt8, _ row: Row) {
    row.show { head, key, value in append(pair: field, head, key, value) }
  }

  mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

  private mutating func append(field: UInt8, _ value: UnsafeRawBufferPointer) {
    guard !value.isEmpty else { return }
    append(tag: field, length: value.count)
    bytes.append(contentsOf: value)
  }

  private mutating func append(tag field: UInt8, length: Int) {
    bytes.append(field << 3 | WireType.length.rawValue)
    append(varint: UInt64(length))
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
