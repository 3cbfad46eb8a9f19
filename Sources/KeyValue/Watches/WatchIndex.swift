/// A watch of a hub, numbered from one in the order of creation.
typealias WatchNumber = UInt64

/// Which watches a key's change is for: found by the key itself and by the ranges that hold it.
///
/// Watches of equal ranges lie together, so that ten thousand of one prefix cost one comparison.
struct WatchIndex: Sendable {
  private var ofKey: [[UInt8]: [WatchNumber]] = [:]
  private var ranges = RangeTree()

  mutating func insert(_ watch: WatchNumber, _ range: KeyRange) {
    if range.end.isEmpty {
      ofKey[range.key, default: []].append(watch)
    } else {
      ranges.insert(watch, KeyBounds(range))
    }
  }

  mutating func remove(_ watch: WatchNumber, _ range: KeyRange) {
    guard range.end.isEmpty else { return ranges.remove(watch, KeyBounds(range)) }
    ofKey[range.key]?.removeAll { $0 == watch }
    if ofKey[range.key]?.isEmpty == true { ofKey[range.key] = nil }
  }

  /// Each watch once, those of the key itself first.
  mutating func forEach(watching key: [UInt8], _ body: (WatchNumber) -> Void) {
    for watch in ofKey[key] ?? [] { body(watch) }
    ranges.forEach(holding: key) { watches in for watch in watches { body(watch) } }
  }
}

/// Ranges by their lower bound, as a balanced tree laid out in one sorted array: the root of a
/// slice is its middle. Each place knows the highest upper bound of its slice (Cormen et al.,
/// Interval trees), which is found anew when a range has come or gone.
struct RangeTree: Sendable {
  private struct Place: Sendable {
    let bounds: KeyBounds
    var watches: [WatchNumber]
    /// Of this place's slice; `nil`: no upper bound.
    var highest: [UInt8]?
  }

  private var places: [Place] = []
  private var isSettled = true

  mutating func insert(_ watch: WatchNumber, _ bounds: KeyBounds) {
    let (slot, isFound) = find(bounds)
    if isFound {
      places[slot].watches.append(watch)
    } else {
      places.insert(Place(bounds: bounds, watches: [watch], highest: nil), at: slot)
      isSettled = false
    }
  }

  mutating func remove(_ watch: WatchNumber, _ bounds: KeyBounds) {
    let (slot, isFound) = find(bounds)
    guard isFound else { return }
    places[slot].watches.removeAll { $0 == watch }
    guard places[slot].watches.isEmpty else { return }
    places.remove(at: slot)
    isSettled = false
  }

  /// The watches of every range that holds the key, in the order of the ranges.
  mutating func forEach(holding key: [UInt8], _ body: ([WatchNumber]) -> Void) {
    if !isSettled {
      _ = settle(0..<places.count)
      isSettled = true
    }
    visit(0..<places.count, key, body)
  }

  private func visit(_ slice: Range<Int>, _ key: [UInt8], _ body: ([WatchNumber]) -> Void) {
    guard !slice.isEmpty else { return }
    let middle = slice.lowerBound + slice.count / 2
    if let highest = places[middle].highest, ByteOrder.compare(highest, key) <= 0 { return }
    visit(slice.lowerBound..<middle, key, body)
    guard ByteOrder.compare(places[middle].bounds.lower, key) <= 0 else { return }
    if places[middle].bounds.holds(key) { body(places[middle].watches) }
    visit(middle + 1..<slice.upperBound, key, body)
  }

  /// The highest upper bound of a slice that is not empty; `nil`: none.
  private mutating func settle(_ slice: Range<Int>) -> [UInt8]? {
    let middle = slice.lowerBound + slice.count / 2
    guard middle < slice.upperBound else { return nil }
    var highest = places[middle].bounds.upper
    for part in [slice.lowerBound..<middle, middle + 1..<slice.upperBound] where !part.isEmpty {
      let other = settle(part)
      highest = highest.flatMap { mine in
        other.map { ByteOrder.compare(mine, $0) < 0 ? $0 : mine }
      }
    }
    places[middle].highest = highest
    return highest
  }

  /// By lower bound, then by upper bound, none last.
  private func find(_ bounds: KeyBounds) -> (slot: Int, isFound: Bool) {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      let order = Self.compare(places[middle].bounds, bounds)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  private static func compare(_ left: KeyBounds, _ right: KeyBounds) -> Int {
    let order = ByteOrder.compare(left.lower, right.lower)
    guard order == 0 else { return order }
    switch (left.upper, right.upper) {
    case (nil, nil): return 0
    case (nil, _): return 1
    case (_, nil): return -1
    case (let left?, let right?): return ByteOrder.compare(left, right)
    }
  }
}
