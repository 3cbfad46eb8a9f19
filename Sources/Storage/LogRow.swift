import Raft

/// One row of the log: the consecutive entries of a durable batch, each with its own checksum.
///
/// `format, count, (length, CRC-32C of the entry, entry)…`
enum LogRow {
  static let format: UInt8 = 1
  /// A row is closed at about this size, so that a truncation rewrites little.
  static let limitBytes = 1 << 18

  static func encode(_ entries: ArraySlice<Entry>) -> (bytes: [UInt8], count: Int) {
    var bytes = [format]
    bytes.append(number: UInt32(0))
    var count = 0
    for entry in entries {
      let encoded = entry.encoded()
      if count > 0, bytes.count + encoded.count > limitBytes { break }
      bytes.append(number: UInt32(encoded.count))
      bytes.append(number: encoded.checksum)
      bytes.append(contentsOf: encoded)
      count += 1
    }
    withUnsafeBytes(of: UInt32(count).littleEndian) { bytes.replaceSubrange(1..<5, with: $0) }
    return (bytes, count)
  }

  /// The entries of the row with this key. *Throws* what is wrong, as a place in the file.
  static func decode(_ bytes: [UInt8], first: LogIndex) throws(Damage) -> [Entry] {
    var cursor = ByteCursor(bytes)
    guard cursor.number(UInt8.self) == format, let count = cursor.number(UInt32.self), count > 0
    else { throw Damage(place: "the head of log row \(first.number)") }
    var entries: [Entry] = []
    var index = first
    for _ in 0..<count {
      guard let length = cursor.number(UInt32.self), let checksum = cursor.number(UInt32.self),
        let slice = cursor.take(Int(length)), slice.checksum == checksum,
        let entry = try? Entry(decoding: Array(slice)), entry.index == index,
        entry.term >= entries.last?.term ?? .zero
      else { throw Damage(place: "entry \(index.number) of the log") }
      entries.append(entry)
      index = index.next
    }
    guard cursor.remaining == 0 else { throw Damage(place: "the end of log row \(first.number)") }
    return entries
  }

  /// What is wrong, as a place in the file.
  struct Damage: Error {
    var place: String
  }
}
