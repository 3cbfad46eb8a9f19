internal import NIOCore
internal import NIOHPACK

/// A list of headers as received.
struct HeaderList: Sendable {
  var fields = HPACKHeaders()
  var rules: HeaderRules
  /// As RFC 9113 §6.5.2 counts it: 32 bytes a field and its texts.
  var sizeBytes = 0

  init(_ kind: HeaderKind) { rules = HeaderRules(kind) }

  mutating func append(_ more: HPACKHeaders) {
    if fields.isEmpty { fields = more } else { fields.add(contentsOf: more) }
    for (name, value, _) in more {
      rules.show(name, value)
      sizeBytes += name.utf8.count + value.utf8.count + 32
    }
  }
}

/// Decodes header blocks (RFC 7541), and remembers those that come again and again.
///
/// gRPC's callers say the same headers with every call, so most blocks are nothing but indices
/// into the table. As long as the table stays as it is, the same bytes mean the same headers: they
/// are decoded and held to the rules once.
struct HeaderDecoder {
  private struct Known {
    let kind: HeaderKind
    let bytes: [UInt8]
    let list: HeaderList
  }

  let limitBytes: Int
  private var decoder: HPACKDecoder
  /// At most `knownLimit`, as of the table's last change.
  private var known: [Known] = []
  /// Where the next goes when there is no room.
  private var oldest = 0

  private static let knownLimit = 16

  init(limitBytes: Int) {
    self.limitBytes = limitBytes
    decoder = HPACKDecoder(allocator: ByteBufferAllocator())
  }

  /// *Throws* what ends the connection: after a block that cannot be read to its end, the two
  /// tables may differ (RFC 9113 §4.3).
  mutating func decode(
    _ block: ByteBuffer, as kind: HeaderKind
  ) throws(HTTP2Failure) -> HeaderList {
    let shape = block.withUnsafeReadableBytes { BlockShape($0) }
    guard !shape.changesTable, shape.indexedBytes > 0 else {
      if shape.changesTable { known.removeAll(keepingCapacity: true) }
      var list = HeaderList(kind)
      try decode(block, into: &list)
      return list
    }
    var rest = block
    guard let indexed = rest.readSlice(length: shape.indexedBytes) else {
      preconditionFailure("\(shape.indexedBytes) indices in \(block.readableBytes) bytes")
    }
    var list = try decodeIndexed(indexed, as: kind)
    if rest.readableBytes > 0 { try decode(rest, into: &list) }
    return list
  }

  private mutating func decodeIndexed(
    _ block: ByteBuffer, as kind: HeaderKind
  ) throws(HTTP2Failure) -> HeaderList {
    let found = block.withUnsafeReadableBytes { bytes in
      known.firstIndex {
        $0.kind == kind && $0.bytes.count == bytes.count && $0.bytes.elementsEqual(bytes)
      }
    }
    if let found { return known[found].list }
    var list = HeaderList(kind)
    try decode(block, into: &list)
    let entry = Known(kind: kind, bytes: Array(block.readableBytesView), list: list)
    if known.count < Self.knownLimit {
      known.append(entry)
    } else {
      known[oldest] = entry
      oldest = (oldest + 1) % Self.knownLimit
    }
    return list
  }

  private mutating func decode(
    _ block: ByteBuffer, into list: inout HeaderList
  ) throws(HTTP2Failure) {
    // The decoder stops in the middle of a list that grows beyond the limit: a small block may
    // stand for a big one.
    decoder.maxHeaderListSize = max(1, limitBytes - list.sizeBytes)
    var block = block
    do {
      list.append(try decoder.decodeHeaders(from: &block))
    } catch is NIOHPACKErrors.MaxHeaderListSizeViolation {
      throw HTTP2Failure(.enhanceYourCalm, "headers larger than \(limitBytes) bytes")
    } catch {
      throw HTTP2Failure(.compressionError, "\(error)")
    }
  }
}

/// What the bytes of a header block say of it before they are decoded (RFC 7541 §6).
struct BlockShape: Equatable {
  /// How many bytes at the start are indexed fields of one byte each.
  var indexedBytes = 0
  /// True when decoding may change the dynamic table, or the block makes no sense.
  var changesTable = false

  init(_ bytes: UnsafeRawBufferPointer) {
    while indexedBytes < bytes.count, (0x80...0xFE).contains(bytes[indexedBytes]) {
      indexedBytes += 1
    }
    var position = indexedBytes
    while position < bytes.count, !changesTable {
      let first = bytes[position]
      if first >= 0x80 {
        Self.skipInteger(bits: 7, bytes, &position)
      } else if first < 0x20 {
        let hasName = first & 0x0F == 0
        Self.skipInteger(bits: 4, bytes, &position)
        if hasName { Self.skipText(bytes, &position) }
        Self.skipText(bytes, &position)
      } else {
        changesTable = true
      }
      if position > bytes.count { changesTable = true }
    }
  }

  /// Moves beyond the end when the integer is not whole or makes no sense.
  @discardableResult
  private static func skipInteger(
    bits: Int, _ bytes: UnsafeRawBufferPointer, _ position: inout Int
  ) -> Int {
    guard position < bytes.count else {
      position = bytes.count + 1
      return 0
    }
    let mask = (1 << bits) - 1
    var value = Int(bytes[position]) & mask
    position += 1
    guard value == mask else { return value }
    for shift in stride(from: 0, through: 21, by: 7) {
      guard position < bytes.count else { break }
      let byte = bytes[position]
      position += 1
      value += Int(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    position = bytes.count + 1
    return 0
  }

  private static func skipText(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) {
    let length = skipInteger(bits: 7, bytes, &position)
    if position <= bytes.count { position += length }
  }
}
