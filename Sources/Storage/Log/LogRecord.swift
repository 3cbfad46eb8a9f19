import Base
import Raft

/// One record of the log: consecutive entries, and a head that says which record of which log it
/// is.
///
/// ```text
/// 0   "QGL1"                  44  count of entries
/// 4   salt of the directory   48  bytes of entries
/// 12  edition of the log      52  CRC-32C of the entries
/// 20  sequence                56  CRC-32C of the head before
/// 28  synced                  60  CRC-32C of all this
/// 36  index of the first      64  the entries, as on the wire
/// ```
///
/// Integers are little-endian. A record begins at a multiple of 4096 bytes, so what was promised
/// before shares no block with what is written later.
struct LogRecord {
  /// Names a record in the order in which a member writes them.
  struct Head: Hashable {
    /// Drawn with the directory: clients, whose bytes lie between, cannot know it.
    var salt: UInt64
    var edition: UInt64
    /// From one in each edition, without gaps.
    var sequence: UInt64
    /// All records before this one were on the disk when it was written.
    var synced: UInt64
    var first: LogIndex
    var count: UInt32 = 0
    /// Bytes of the entries.
    var length: UInt32 = 0
    /// CRC-32C of the entries.
    var content: UInt32 = 0
    /// The checksum of the head before, zero at the beginning: a record that was left over from an
    /// unfinished commit does not follow what was written over that commit.
    var previous: UInt32
    /// CRC-32C of all that.
    var checksum: UInt32 = 0
  }

  static let headLength = 64
  static let alignment = 4_096
  /// A record is closed at about this size, so that reading a few entries reads little.
  static let limitBytes = 1 << 18
  private static let magic: UInt32 = 0x314C_4751  // "QGL1"

  var head: Head
  var entries: [Entry]

  /// Where the record that follows one of this length begins.
  static func end(of start: Int, length: Int) -> Int {
    (start + headLength + length + alignment - 1) / alignment * alignment
  }

  /// Appends a record with the first of these entries, at least one, and gives its head. What the
  /// head says of the entries is filled in here.
  static func encode(
    _ entries: ArraySlice<Entry>, as place: Head, into bytes: inout [UInt8]
  ) -> Head {
    var writer = ByteWriter(reserving: min(limitBytes, entries.count * 512))
    var count = 0
    for entry in entries {
      if count > 0, writer.bytes.count + entry.byteCount > limitBytes { break }
      entry.encode(into: &writer)
      count += 1
    }
    var head = place
    head.count = UInt32(count)
    head.length = UInt32(writer.bytes.count)
    head.content = writer.bytes.checksum
    let start = bytes.count
    head.checksum = head.append(to: &bytes)
    bytes += writer.bytes
    let padding = end(of: start, length: writer.bytes.count) - bytes.count
    bytes.append(contentsOf: repeatElement(0, count: padding))
    return head
  }

  /// The record at this offset; `nil`: there is none, or not all of it.
  init?(_ bytes: [UInt8], at offset: Int) {
    guard let head = Head(bytes, at: offset) else { return nil }
    let start = offset + LogRecord.headLength
    guard start + Int(head.length) <= bytes.count else { return nil }
    let content = bytes[start..<start + Int(head.length)]
    guard content.checksum == head.content else { return nil }
    var reader = ByteReader(content)
    var entries: [Entry] = []
    entries.reserveCapacity(Int(min(head.count, 1 << 12)))
    var index = head.first
    for _ in 0..<head.count {
      guard let entry = try? Entry(from: &reader), entry.index == index,
        entry.term >= entries.last?.term ?? .zero
      else { return nil }
      entries.append(entry)
      index = index.next
    }
    guard reader.remaining == 0, !entries.isEmpty else { return nil }
    self.head = head
    self.entries = entries
  }
}

extension LogRecord.Head {
  /// *Returns* its checksum.
  fileprivate func append(to bytes: inout [UInt8]) -> UInt32 {
    let start = bytes.count
    bytes.append(number: LogRecord.magic)
    bytes.append(number: salt)
    bytes.append(number: edition)
    bytes.append(number: sequence)
    bytes.append(number: synced)
    bytes.append(number: first.number)
    bytes.append(number: count)
    bytes.append(number: length)
    bytes.append(number: content)
    bytes.append(number: previous)
    let checksum = bytes[start...].checksum
    bytes.append(number: checksum)
    return checksum
  }

  /// `nil`: no head begins here.
  init?(_ bytes: [UInt8], at offset: Int) {
    guard offset >= 0, offset + LogRecord.headLength <= bytes.count else { return nil }
    var cursor = ByteCursor(bytes[offset..<offset + LogRecord.headLength])
    guard cursor.number(UInt32.self) == LogRecord.magic,
      let salt = cursor.number(UInt64.self), let edition = cursor.number(UInt64.self),
      let sequence = cursor.number(UInt64.self), let synced = cursor.number(UInt64.self),
      let first = cursor.number(UInt64.self), let count = cursor.number(UInt32.self),
      let length = cursor.number(UInt32.self), let content = cursor.number(UInt32.self),
      let previous = cursor.number(UInt32.self), let checksum = cursor.number(UInt32.self),
      bytes[offset..<offset + LogRecord.headLength - 4].checksum == checksum
    else { return nil }
    self.init(
      salt: salt, edition: edition, sequence: sequence, synced: synced, first: LogIndex(first),
      count: count, length: length, content: content, previous: previous, checksum: checksum)
  }
}
