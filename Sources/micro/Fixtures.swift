import Base
import Foundation
import KeyValue
import Raft
import Storage

/// What several benchmarks work on, made when first asked for.
final class Fixtures {
  static let keyCount = 200_000
  static let valueBytes = 256

  private let directory: String
  private var made: [DataDirectory] = []

  init(in parent: String) throws {
    directory = "\(parent)/quorate-micro-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
  }

  func removeAll() throws {
    for store in made { try store.close() }
    try FileManager.default.removeItem(atPath: directory)
  }

  /// A new data directory of a formed member, on a real disk.
  func dataDirectory() throws -> DataDirectory {
    let member = UInt64(made.count) + 1
    let store = try DataDirectory(
      at: "\(directory)/m\(member)",
      as: Claim(cluster: 1, member: MemberID(member), name: "m\(member)"),
      drawIncarnation: { Incarnation(1) })
    try store.log.form(Formation(base: Members.recovered.base, founding: .unknown))
    made.append(store)
    return store
  }

  /// 200,000 keys, all of them flushed; `reader` has the rows.
  struct Loaded {
    var store: Store
    let state: any StateStore
    let reader: any StateReader
  }

  private(set) lazy var loaded = Result { try load() }

  private func load() throws -> Loaded {
    let state = try dataDirectory().openState()
    let reader = try state.openReader()
    var store = try state.load()
    for (position, key) in Keys.inOrderOfArrival.enumerated() {
      try store.put(key, Keys.value(position), reading: reader)
      if position % 10_000 == 9_999 { try store.drain(into: state) }
    }
    try store.drain(into: state)
    // As after a restart: the index in full blocks, no row in memory.
    return Loaded(store: try state.load(), state: state, reader: reader)
  }
}

extension Store {
  mutating func put(_ key: [UInt8], _ value: [UInt8], reading: any RowReading) throws {
    try apply(.put(PutRequest(key: key, value: value)), reading: reading)
  }

  mutating func apply(_ command: Command, reading: any RowReading) throws {
    keep(try apply(index: meta.appliedIndex + 1, term: 1, command, reading: reading))
  }

  /// Everything that waits goes to the table.
  mutating func drain(into state: any StateStore) throws {
    while let batch = takeFlushBatch(limitBytes: 4 << 20) {
      try state.flush(batch)
      flushed(through: batch.meta.appliedIndex)
      try state.maintain()
    }
  }

  /// As if everything that waits had been written.
  mutating func pretendToFlush() {
    while let batch = takeFlushBatch(limitBytes: 4 << 20) {
      flushed(through: batch.meta.appliedIndex)
    }
  }
}

/// The keys of the loaded store: 22 bytes each, in no order to speak of.
enum Keys {
  static let inOrderOfArrival: [[UInt8]] = (0..<Fixtures.keyCount).map { key(UInt64($0)) }

  static let sorted: [[UInt8]] = inOrderOfArrival.sorted { $0.lexicographicallyPrecedes($1) }

  static func key(_ number: UInt64) -> [UInt8] {
    var dice = SplitMix64(seed: number)
    let digits = String(dice.next(), radix: 16)
    return Array("bench/".utf8) + Array(repeating: UInt8(ascii: "0"), count: 16 - digits.utf8.count)
      + Array(digits.utf8)
  }

  static func value(_ number: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Fixtures.valueBytes)
  }

  /// Numbers below `limit` for a benchmark to walk through again and again.
  static func draws(_ count: Int, below limit: Int) -> [Int] {
    var dice = SplitMix64(seed: UInt64(count))
    return (0..<count).map { _ in Int(dice.next(below: UInt64(limit))) }
  }
}

/// Endless turns through a fixed list.
struct Carousel<Element> {
  private let elements: [Element]
  private var position = 0

  init(_ elements: [Element]) {
    precondition(!elements.isEmpty, "nothing to walk through")
    self.elements = elements
  }

  mutating func next() -> Element {
    position = position + 1 == elements.count ? 0 : position + 1
    return elements[position]
  }
}
