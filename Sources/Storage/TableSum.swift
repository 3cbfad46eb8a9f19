import KeyValue

/// Says whether a table holds exactly the rows it should: their count, and a sum over their
/// numbers and checksums that does not depend on their order and can be kept up by additions
/// and removals.
struct TableSum: Hashable, Sendable {
  private(set) var count: Int64 = 0
  private(set) var sum: UInt64 = 0

  init() {}

  mutating func add(number: RowNumber, checksum: UInt32) {
    count += 1
    sum &+= TableSum.mix(number, checksum)
  }

  mutating func remove(number: RowNumber, checksum: UInt32) {
    count -= 1
    sum &-= TableSum.mix(number, checksum)
  }

  /// The finalizer of SplitMix64 over both, so that exchanged checksums show.
  private static func mix(_ number: RowNumber, _ checksum: UInt32) -> UInt64 {
    var word = UInt64(bitPattern: number) &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(checksum)
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(number: count)
    bytes.append(number: sum)
  }

  /// `nil`: the bytes end too early.
  init?(from cursor: inout ByteCursor) {
    guard let count = cursor.number(Int64.self), let sum = cursor.number(UInt64.self) else {
      return nil
    }
    self.count = count
    self.sum = sum
  }
}
