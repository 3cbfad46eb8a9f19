/// The keys from `lower` on and before `upper`.
struct KeyBounds: Hashable, Sendable {
  var lower: [UInt8]
  /// `nil`: no upper bound.
  var upper: [UInt8]?

  static let everything = KeyBounds(lower: [], upper: nil)

  init(lower: [UInt8], upper: [UInt8]?) {
    self.lower = lower
    self.upper = upper
  }

  /// One zero byte as the end means no end (etcd apply.go mkGteRange).
  init(_ range: KeyRange) {
    lower = range.key
    if range.end.isEmpty {
      upper = range.key + [0]
    } else if range.end == [0] {
      upper = nil
    } else {
      upper = range.end
    }
  }

  /// No key can lie within.
  var isEmpty: Bool {
    guard let upper else { return false }
    return ByteOrder.compare(lower, upper) >= 0
  }

  /// Lends both bounds; no lower bound stands for every key from the first on.
  func withBytes<Answer>(
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> Answer
  ) rethrows -> Answer {
    try lower.withUnsafeBytes { lower in
      guard let upper else { return try body(lower, nil) }
      return try upper.withUnsafeBytes { try body(lower, $0) }
    }
  }
}
