public import KeyValue

/// The bytes of an `etcdserverpb.WatchResponse` with events.
///
/// An event is encoded once and its bytes go into the answers of all who watch it: with a hundred
/// watchers that is most of what an event costs. Field by field it is SwiftProtobuf's encoding
/// (protobuf.dev encoding), and a test holds the two against each other.
public struct WatchAnswer: Sendable {
  /// etcd v3rpc/watch.go: an answer of this size is split, for who asked for fragments.
  public static func parts(
    of events: [[UInt8]], limitBytes: Int
  ) -> [ArraySlice<[UInt8]>] {
    var parts: [ArraySlice<[UInt8]>] = []
    var start = 0
    var bytes = 0
    for (place, event) in events.enumerated() {
      if place > start, bytes + event.count >= limitBytes {
        parts.append(events[start..<place])
        start = place
        bytes = 0
      }
      bytes += event.count
    }
    parts.append(events[start...])
    return parts
  }

  /// One event, as the field of a response that it becomes. `previous` `nil`: not told.
  public static func event(_ row: Row, previous: Row?) -> [UInt8] {
    let pair = length(of: row)
    let before = previous.map { length(of: $0) }
    var size = lengthDelimited(pair) + (before.map { lengthDelimited($0) } ?? 0)
    if row.isTombstone { size += 2 }
    var writer = FieldWriter()
    writer.bytes.reserveCapacity(size + 6)
    writer.tag(11, .length, size)
    // mvccpb.Event.EventType: a put is zero and left out.
    if row.isTombstone { writer.number(1, 1) }
    writer.tag(2, .length, pair)
    writer.pair(row)
    if let previous, let before {
      writer.tag(3, .length, before)
      writer.pair(previous)
    }
    return writer.bytes
  }

  /// `events`: as made by `event`. `isFragment`: more of the same revision follow.
  public static func message(
    _ header: AnswerHeader, revision: Int64, watch: Int64, events: ArraySlice<[UInt8]>,
    isFragment: Bool
  ) -> [UInt8] {
    let revision = UInt64(bitPattern: revision)
    let head =
      FieldWriter.length(header.cluster) + FieldWriter.length(header.member)
      + FieldWriter.length(revision) + FieldWriter.length(header.raftTerm)
    var writer = FieldWriter()
    writer.bytes.reserveCapacity(events.reduce(head + 24) { $0 + $1.count })
    writer.tag(1, .length, head)
    writer.number(1, header.cluster)
    writer.number(2, header.member)
    writer.number(3, revision)
    writer.number(4, header.raftTerm)
    writer.number(2, UInt64(bitPattern: watch))
    if isFragment { writer.number(7, 1) }
    for event in events { writer.bytes += event }
    return writer.bytes
  }

  private static func length(of row: Row) -> Int {
    FieldWriter.length(row.key) + FieldWriter.length(UInt64(bitPattern: row.createRevision))
      + FieldWriter.length(UInt64(bitPattern: row.modRevision))
      + FieldWriter.length(UInt64(bitPattern: row.version)) + FieldWriter.length(row.value)
      + FieldWriter.length(UInt64(bitPattern: row.lease))
  }

  private static func lengthDelimited(_ length: Int) -> Int {
    1 + FieldWriter.varintLength(UInt64(length)) + length
  }
}

/// Fields numbered below 16: their tag is one byte. What is zero or empty is left out.
private struct FieldWriter {
  enum WireType: UInt8 {
    case varint = 0
    case length = 2
  }

  var bytes: [UInt8] = []

  mutating func tag(_ field: UInt8, _ type: WireType, _ value: Int) {
    bytes.append(field << 3 | type.rawValue)
    varint(UInt64(value))
  }

  mutating func number(_ field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    bytes.append(field << 3 | WireType.varint.rawValue)
    varint(value)
  }

  /// `mvccpb.KeyValue`.
  mutating func pair(_ row: Row) {
    text(1, row.key)
    number(2, UInt64(bitPattern: row.createRevision))
    number(3, UInt64(bitPattern: row.modRevision))
    number(4, UInt64(bitPattern: row.version))
    text(5, row.value)
    number(6, UInt64(bitPattern: row.lease))
  }

  private mutating func text(_ field: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    tag(field, .length, value.count)
    bytes += value
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  static func length(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varintLength(value) }

  static func length(_ value: [UInt8]) -> Int {
    value.isEmpty ? 0 : 1 + varintLength(UInt64(value.count)) + value.count
  }

  static func varintLength(_ value: UInt64) -> Int {
    (64 - (value | 1).leadingZeroBitCount + 6) / 7
  }
}
