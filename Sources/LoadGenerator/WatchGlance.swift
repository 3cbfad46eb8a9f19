import NIOCore

/// What a load has to know of a `WatchResponse`, without making messages of it: whether it is a
/// watch's first, and the stamps that begin the values of its events.
struct WatchGlance {
  private(set) var isCreated = false
  private(set) var stamps: [UInt64] = []

  init(_ message: ByteBuffer) {
    message.withUnsafeReadableBytes { bytes in
      Self.forEachField(of: bytes) { field, number, content in
        if field == 3 { isCreated = number != 0 }
        if field == 11 { stamps.append(Self.stamp(of: content)) }
      }
    }
  }

  /// Zero: its value begins with no stamp.
  private static func stamp(of event: UnsafeRawBufferPointer) -> UInt64 {
    var stamp: UInt64 = 0
    forEachField(of: event) { field, _, pair in
      guard field == 2 else { return }
      forEachField(of: pair) { field, _, value in
        guard field == 5, value.count >= WatchTally.stampBytes else { return }
        for digit in value.prefix(WatchTally.stampBytes) {
          stamp = stamp &* 10 &+ UInt64(digit &- UInt8(ascii: "0"))
        }
      }
    }
    return stamp
  }

  /// Varints and length-delimited fields, which is all that these messages have.
  private static func forEachField(
    of bytes: UnsafeRawBufferPointer,
    _ body: (_ field: UInt64, _ number: UInt64, _ content: UnsafeRawBufferPointer) -> Void
  ) {
    var rest = bytes[...]
    while let tag = varint(&rest), let value = varint(&rest) {
      guard tag & 7 == 2 else {
        body(tag >> 3, value, UnsafeRawBufferPointer(rebasing: rest.prefix(0)))
        continue
      }
      let content = rest.prefix(Int(value))
      rest = rest.dropFirst(Int(value))
      body(tag >> 3, 0, UnsafeRawBufferPointer(rebasing: content))
    }
  }

  private static func varint(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst(), shift < 64 {
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    return nil
  }
}
