import Base
import Raft

/// A value in 128 bits: among a thousand million states, two share one by chance once in 10²⁰ runs.
///
/// Fingerprints of the parts of a state are added, so their order does not matter.
struct Fingerprint: Hashable, Comparable {
  var high: UInt64
  var low: UInt64

  static let zero = Fingerprint(high: 0, low: 0)

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `kind` keeps equal words of unlike things apart.
  init(kind: UInt64, _ words: [UInt64]) {
    high = SplitMix64.mixed(kind &+ SplitMix64.increment)
    low = SplitMix64.mixed(kind ^ 0xD1B5_4A32_D192_ED03)
    for word in words {
      high = SplitMix64.mixed(high ^ word) &+ SplitMix64.increment
      low = SplitMix64.mixed((low &+ word) &* 0xDA94_2042_E4DD_58B5)
    }
    high = SplitMix64.mixed(high ^ UInt64(words.count))
    low = SplitMix64.mixed(low &+ UInt64(words.count))
  }

  static func + (left: Fingerprint, right: Fingerprint) -> Fingerprint {
    let (low, carries) = left.low.addingReportingOverflow(right.low)
    return Fingerprint(high: left.high &+ right.high &+ (carries ? 1 : 0), low: low)
  }

  static func < (left: Fingerprint, right: Fingerprint) -> Bool {
    left.high == right.high ? left.low < right.low : left.high < right.high
  }
}

/// Distinct values, numbered as they come, each with its fingerprint under every renaming of the
/// members.
struct Interner<Value: Hashable> {
  private(set) var values: [Value] = []
  private var numberOf: [Value: UInt32] = [:]
  /// Of value `v` under renaming `r`: at `v × renamings + r`.
  private(set) var fingerprints: [Fingerprint] = []
  private var unrenamed: Set<Fingerprint> = []
  private let kind: UInt64
  private let renamings: [[MemberID]]

  init(kind: UInt64, renamings: [[MemberID]]) {
    self.kind = kind
    self.renamings = renamings
  }

  subscript(number: UInt32) -> Value { values[Int(number)] }

  /// The number of an equal value, or of this one from now on.
  mutating func number(
    of value: Value, canonicalize: (Value, inout CanonicalState) -> Void
  ) -> (number: UInt32, isNew: Bool) {
    if let known = numberOf[value] { return (known, false) }
    let number = UInt32(values.count)
    values.append(value)
    numberOf[value] = number
    for (position, names) in renamings.enumerated() {
      var canonical = CanonicalState(names: names)
      canonicalize(value, &canonical)
      let fingerprint = Fingerprint(kind: kind, canonical.words)
      fingerprints.append(fingerprint)
      // Else the canonical state leaves something out, and unlike states would count as one.
      precondition(
        position > 0 || unrenamed.insert(fingerprint).inserted,
        "two values have one canonical state")
    }
    return (number, true)
  }
}

/// All orders of the members; the first is the one they are in.
func renamings(of members: [MemberID]) -> [[MemberID]] {
  guard let first = members.first else { return [[]] }
  return members.indices.flatMap { position in
    var rest = members
    let chosen = position == 0 ? first : rest[position]
    rest.remove(at: position)
    return renamings(of: rest).map { [chosen] + $0 }
  }
}
