import Wire

/// Chunks of any length as a run of bytes, each behind its length in four bytes, little-endian;
/// cut into pieces that fit a frame on one side, put together again on the other.
struct SnapshotPieces: Sendable {
  /// No chunk is longer: one row at most is, by the bounds of a request.
  static let chunkLimitBytes = 64 << 20
  private var bytes: [UInt8] = []
  private var head = 0

  var count: Int { bytes.count - head }

  mutating func append(chunk: [UInt8]) {
    let length = UInt32(chunk.count)
    for shift in stride(from: 0, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: length >> UInt32(shift)))
    }
    bytes += chunk
  }

  mutating func append(_ piece: [UInt8]) { bytes += piece }

  /// As much as fits; empty: there is nothing.
  mutating func popPiece(limitBytes: Int) -> [UInt8] { pop(min(limitBytes, count)) }

  /// The next whole chunk; `nil`: more pieces are needed. *Throws* when a chunk is announced that
  /// nobody sends.
  mutating func popChunk() throws(SnapshotFault) -> [UInt8]? {
    guard count >= 4 else { return nil }
    var length = 0
    for position in 0..<4 { length |= Int(bytes[head + position]) << (8 * position) }
    guard length <= Self.chunkLimitBytes else { throw .refused(.damaged) }
    guard count >= 4 + length else { return nil }
    head += 4
    return pop(length)
  }

  private mutating func pop(_ length: Int) -> [UInt8] {
    let popped = Array(bytes[head..<head + length])
    head += length
    if head > 1 << 20 || head == bytes.count {
      bytes.removeFirst(head)
      head = 0
    }
    return popped
  }
}
