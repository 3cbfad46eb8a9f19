import Base
@testable import KeyValue

/// Draws that a seed repeats.
struct Dice {
  private var source: SplitMix64

  init(seed: UInt64) { source = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { source.next() }

  /// From zero up to and without `bound`.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// True once in `times`.
  mutating func once(in times: Int) -> Bool { below(times) == 0 }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}

extension [UInt8] {
  init(_ text: String) { self = Array(text.utf8) }
}

extension KeyRange {
  init(_ key: String, _ end: String = "") {
    self.init(key: [UInt8](key), end: [UInt8](end))
  }

  static let everything = KeyRange("\0", "\0")
}
