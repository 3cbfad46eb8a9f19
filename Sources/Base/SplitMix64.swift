/// The one source of chance in the deterministic modules: equal seeds draw equal numbers on every
/// toolchain (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
public struct SplitMix64: Hashable, Sendable {
  @usableFromInline var state: UInt64

  @inlinable
  public init(seed: UInt64) { state = seed }

  /// What is left of the seed's dice after `count` draws, at constant cost.
  @inlinable
  public init(seed: UInt64, after count: UInt64) { state = seed &+ count &* Self.increment }

  /// What each draw adds to the state: 2⁶⁴ divided by the golden ratio, made odd.
  @inlinable
  public static var increment: UInt64 { 0x9E37_79B9_7F4A_7C15 }

  /// The output function: every bit of the result depends on every bit of `value`.
  @inlinable
  public static func mixed(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Any 64 bits.
  @inlinable
  public mutating func next() -> UInt64 {
    state &+= Self.increment
    return Self.mixed(state)
  }

  /// A number in `0 ..< bound`; the bias is below `bound` / 2⁶⁴. *Precondition*: `bound` > 0.
  public mutating func next(below bound: UInt64) -> UInt64 {
    demand(bound > 0, "nothing can be drawn below zero")
    return next().multipliedFullWidth(by: bound).high
  }

  /// An index in `0 ..< count`. *Precondition*: `count` > 0.
  public mutating func index(below count: Int) -> Int {
    demand(count > 0, "nothing can be drawn from \(count) things")
    return Int(next(below: UInt64(count)))
  }

  /// A duration in `range`, to the nanosecond. *Precondition*: not empty.
  public mutating func duration(in range: Range<Duration>) -> Duration {
    let width = (range.upperBound - range.lowerBound).nanoseconds
    demand(width > 0, "no duration lies in \(range)")
    return range.lowerBound + .nanoseconds(Int64(next(below: UInt64(width))))
  }

  /// True `numerator` times out of `denominator`. *Precondition*: `denominator` > 0.
  public mutating func chance(_ numerator: UInt64, in denominator: UInt64) -> Bool {
    next(below: denominator) < numerator
  }
}
