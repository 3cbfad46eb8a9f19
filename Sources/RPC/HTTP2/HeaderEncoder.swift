internal import NIOCore
internal import NIOHPACK

/// Headers that are said again and again on a connection.
struct HeaderTemplate: Sendable {
  /// Names the template to the encoder; different ones have different numbers, from 0 on.
  let number: Int
  let fields: [(name: String, value: String)]
  /// As RFC 9113 §6.5.2 counts it.
  let sizeBytes: Int

  init(_ number: Int, _ fields: [(name: String, value: String)]) {
    self.number = number
    self.fields = fields
    sizeBytes = fields.reduce(0) { $0 + HeaderEncoder.size(of: $1.name, $1.value) }
  }
}

/// Encodes header blocks (RFC 7541).
///
/// The fields of templates go into the dynamic table the first time, as long as there is room, and
/// never leave it: so from the second time on a template is the same few bytes. What is said once
/// is a plain literal and leaves the table alone. Blocks must reach the peer in the order in which
/// they were encoded.
struct HeaderEncoder {
  private struct Inserted {
    let name: String
    let value: String
    /// The first insertion is 1.
    let number: Int
  }

  /// We use no more, whatever the peer allows: it is what every peer has (RFC 9113 §6.5.2).
  private static let mostBytes = 4_096

  private var tableLimitBytes = mostBytes
  private var tableBytes = 0
  private var inserted: [Inserted] = []
  /// By template: its bytes as long as nothing more was inserted.
  private var known: [(insertions: Int, bytes: [UInt8])?] = []
  /// To be told at the start of the next block (RFC 7541 §4.2).
  private var sizeUpdates: [Int] = []

  static func size(of name: String, _ value: String) -> Int {
    name.utf8.count + value.utf8.count + 32
  }

  /// What the peer's SETTINGS_HEADER_TABLE_SIZE allows from now on.
  mutating func limitTable(to bytes: Int) {
    let limit = min(bytes, Self.mostBytes)
    guard limit != tableLimitBytes else { return }
    tableLimitBytes = limit
    var smallest = min(sizeUpdates.first ?? limit, limit)
    if limit < tableBytes {
      // Emptied first, so that it is known what stays.
      smallest = 0
      inserted = []
      tableBytes = 0
      known = []
    }
    sizeUpdates = smallest < limit ? [smallest, limit] : [limit]
  }

  /// *Precondition*: nothing of the block is written yet.
  mutating func begin(_ block: inout ByteBuffer) {
    guard !sizeUpdates.isEmpty else { return }
    for size in sizeUpdates { Self.write(size, bits: 5, 0x20, to: &block) }
    sizeUpdates = []
  }

  mutating func write(_ template: HeaderTemplate, to block: inout ByteBuffer) {
    if template.number < known.count, let (insertions, bytes) = known[template.number],
      insertions == inserted.count
    {
      block.writeBytes(bytes)
      return
    }
    let insertions = inserted.count
    let start = block.writerIndex
    for (name, value) in template.fields { writeIndexed(name, value, to: &block) }
    // The indices count from the youngest: they hold until something is inserted.
    guard inserted.count == insertions,
      let bytes = block.getBytes(at: start, length: block.writerIndex - start)
    else { return }
    while known.count <= template.number { known.append(nil) }
    known[template.number] = (insertions, bytes)
  }

  func write(_ name: String, _ value: String, to block: inout ByteBuffer) {
    block.writeInteger(UInt8(0))
    Self.write(name, to: &block)
    Self.write(value, to: &block)
  }

  func write(_ fields: HPACKHeaders, to block: inout ByteBuffer) {
    for (name, value, _) in fields { write(name, value, to: &block) }
  }

  private mutating func writeIndexed(_ name: String, _ value: String, to block: inout ByteBuffer) {
    if let index = Self.staticIndex(name, value) {
      Self.write(index, bits: 7, 0x80, to: &block)
    } else if let entry = inserted.first(where: { $0.name == name && $0.value == value }) {
      // The youngest is 62, right after the static table (RFC 7541 §2.3.3).
      Self.write(62 + inserted.count - entry.number, bits: 7, 0x80, to: &block)
    } else if tableBytes + Self.size(of: name, value) <= tableLimitBytes {
      tableBytes += Self.size(of: name, value)
      inserted.append(Inserted(name: name, value: value, number: inserted.count + 1))
      block.writeInteger(UInt8(0x40))
      Self.write(name, to: &block)
      Self.write(value, to: &block)
    } else {
      write(name, value, to: &block)
    }
  }

  private static func staticIndex(_ name: String, _ value: String) -> Int? {
    switch (name, value) {
    case (":method", "POST"): 3
    case (":scheme", "http"): 6
    case (":status", "200"): 8
    default: nil
    }
  }

  /// Without Huffman's code: a few bytes more, and less work at both ends.
  private static func write(_ text: String, to block: inout ByteBuffer) {
    write(text.utf8.count, bits: 7, 0, to: &block)
    block.writeString(text)
  }

  /// RFC 7541 §5.1.
  private static func write(
    _ number: Int, bits: Int, _ first: UInt8, to block: inout ByteBuffer
  ) {
    let most = (1 << bits) - 1
    guard number >= most else {
      block.writeInteger(first | UInt8(number))
      return
    }
    block.writeInteger(first | UInt8(most))
    var rest = number - most
    while rest >= 128 {
      block.writeInteger(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    block.writeInteger(UInt8(rest))
  }
}
