import Testing

@testable import KeyValue

@Suite struct KeyIndexTests {
  /// The versions of every key, oldest first.
  private typealias Histories = [[UInt8]: [KeyVersion]]

  private func live(_ histories: Histories, at revision: Int64) -> [[UInt8]] {
    histories.filter { history in
      history.value.last { $0.modRevision <= revision }.map { !$0.isTombstone } ?? false
    }.keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func visited(_ index: KeyIndex, _ bounds: KeyBounds, at revision: Int64?) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    index.visit(bounds, at: revision) { block, slot, _ in
      keys.append(block.key(at: slot))
      return true
    }
    return keys
  }

  private func expect(
    _ index: KeyIndex, _ histories: Histories, newest: Int64, _ dice: inout Dice
  ) {
    #expect(index.violation() == nil)
    let now = live(histories, at: newest)
    #expect(visited(index, .everything, at: nil) == now)
    #expect(index.liveCount == now.count)
    for _ in 0..<10 {
      let lower = dice.bytes(dice.below(3))
      let upper = dice.once(in: 4) ? nil : dice.bytes(dice.below(3))
      let bounds = KeyBounds(lower: lower, upper: upper)
      let within = { (key: [UInt8]) in
        !key.lexicographicallyPrecedes(lower)
          && (upper.map { key.lexicographicallyPrecedes($0) } ?? true)
      }
      #expect(index.count(in: bounds) == now.filter(within).count)
      let revision = Int64(dice.below(Int(newest) + 1))
      let then = live(histories, at: revision).filter(within)
      #expect(visited(index, bounds, at: revision) == then)
      #expect(index.count(in: bounds, at: revision) == then.count)
      let rank = dice.below(now.count + 2)
      #expect(index.key(ranked: rank) == (rank < now.count ? now[rank] : nil))
      #expect(index.rank(of: lower) == now.filter { $0.lexicographicallyPrecedes(lower) }.count)
    }
  }

  /// Short and long keys: blocks split by count and by bytes.
  private func key(_ dice: inout Dice, long: Bool) -> [UInt8] {
    dice.bytes(1 + dice.below(2)) + (long && dice.once(in: 3) ? dice.bytes(900) : [])
  }

  @Test(arguments: 0..<8) func `it agrees with sorted histories, and copies stay as they were`(
    seed: UInt64
  ) {
    var dice = Dice(seed: seed)
    var index = KeyIndex()
    var histories: Histories = [:]
    var copies: [(KeyIndex, Histories, Int64)] = []
    let long = seed % 2 == 1
    var number: Int64 = 0
    for step in 0..<3000 {
      let key = key(&dice, long: long)
      let before = histories[key]?.last
      let isTombstone = before.map { !$0.isTombstone && dice.once(in: 3) } ?? false
      number += 1
      let version = KeyVersion(
        number: number, modRevision: number / 2 + 1,
        createRevision: isTombstone ? 0 : 1, version: isTombstone ? 0 : 1)
      index.append(version, to: key)
      histories[key, default: []].append(version)
      #expect(index.newest(of: key) == version)
      if step % 1000 == 400 { copies.append((index, histories, number / 2 + 1)) }
    }
    expect(index, histories, newest: number / 2 + 1, &dice)
    for (copy, then, newest) in copies { expect(copy, then, newest: newest, &dice) }
  }

  @Test(arguments: 0..<4) func `trimming removes exactly what compaction makes unreachable`(
    seed: UInt64
  ) {
    var dice = Dice(seed: seed)
    var index = KeyIndex()
    var histories: Histories = [:]
    for number in Int64(1)...2500 {
      let key = key(&dice, long: seed % 2 == 1)
      let isTombstone = histories[key]?.last.map { !$0.isTombstone && dice.once(in: 2) } ?? false
      let version = KeyVersion(
        number: number, modRevision: number, createRevision: isTombstone ? 0 : 1,
        version: isTombstone ? 0 : 1)
      index.append(version, to: key)
      histories[key, default: []].append(version)
    }
    let before = index
    for revision in [Int64(300), 1200, 2500] {
      var next: [UInt8]? = []
      var removed: [RowNumber] = []
      while let start = next {
        let found = index.trimmable(from: start, asOf: revision, limit: 50)
        for key in found.keys { removed += index.trim(key, asOf: revision, limit: .max) }
        next = found.next
      }
      var gone: [RowNumber] = []
      for (key, history) in histories {
        let seen = history.lastIndex { $0.modRevision <= revision } ?? 0
        let first =
          history[seen].isTombstone && history[seen].modRevision < revision
          ? seen + 1 : seen
        gone += history[..<first].map(\.number)
        histories[key] = first == history.count ? nil : Array(history[first...])
      }
      #expect(removed.sorted() == gone.sorted())
      #expect(index.violation() == nil)
      #expect(index.versionCount == histories.values.reduce(0) { $0 + $1.count })
      #expect(visited(index, .everything, at: nil) == live(histories, at: 2500))
    }
    #expect(before.violation() == nil)
    #expect(before.versionCount == 2500)
  }

  @Test(arguments: 0..<6) func `it shrinks and grows again without losing a key`(seed: UInt64) {
    var dice = Dice(seed: seed)
    var index = KeyIndex()
    var alive: Set<Int> = []
    var number: Int64 = 0
    let bytes = { (key: Int) in [UInt8(key >> 8), UInt8(key & 0xFF)] }
    func write(_ key: Int, isTombstone: Bool) {
      number += 1
      index.append(
        KeyVersion(
          number: number, modRevision: number, createRevision: isTombstone ? 0 : 1,
          version: isTombstone ? 0 : 1),
        to: bytes(key))
    }
    for _ in 0..<24 {
      for _ in 0..<400 {
        let key = dice.below(1 << 16)
        if alive.insert(key).inserted { write(key, isTombstone: false) }
      }
      let lower = dice.below(1 << 16)
      let doomed = lower..<lower + dice.below(1 << 16)
      for key in alive.filter(doomed.contains).sorted() {
        alive.remove(key)
        write(key, isTombstone: true)
        _ = index.trim(bytes(key), asOf: number + 1, limit: .max)
      }
      #expect(index.violation() == nil)
      #expect(index.liveCount == alive.count)
      #expect(index.versionCount == alive.count)
      #expect(alive.allSatisfy { index.newest(of: bytes($0)) != nil })
    }
  }

  @Test func `an index built at once equals one that grew`() {
    for count in [0, 1, 2, 64, 65, 130, 1500] {
      var dice = Dice(seed: UInt64(count))
      var grown = KeyIndex()
      var builder = KeyIndexBuilder()
      for number in 1...Int64(max(count, 1)) where count > 0 {
        let key = [UInt8]("shared/prefix/") + dice.bytes(dice.below(3))
        let version = KeyVersion(
          number: number, modRevision: number, createRevision: 1, version: 1)
        grown.append(version, to: key)
        key.withUnsafeBytes { builder.add(version, to: $0) }
      }
      let built = builder.build()
      #expect(built.violation() == nil)
      #expect(built.versionCount == count)
      for revision in [nil, Int64(count / 2)] {
        #expect(
          visited(built, .everything, at: revision) == visited(grown, .everything, at: revision))
      }
    }
  }

  /// The sort looks at eight bytes first: these are equal in them, or end within them.
  @Test func `an index built at once tells keys apart that begin alike`() {
    let middles = ["", "\0", "\0\0", "eight by", "eight by\0", "eight byt", "eight byte", "z"]
    for seed in UInt64(1)...20 {
      var dice = Dice(seed: seed)
      var grown = KeyIndex()
      var builder = KeyIndexBuilder()
      for number in Int64(1)...400 {
        let key = [UInt8]("k" + dice.pick(middles)) + dice.bytes(dice.below(2))
        let version = KeyVersion(
          number: number, modRevision: number, createRevision: 1, version: 1)
        grown.append(version, to: key)
        key.withUnsafeBytes { builder.add(version, to: $0) }
      }
      let built = builder.build()
      #expect(built.violation() == nil)
      for revision in [nil, Int64(200)] {
        #expect(
          visited(built, .everything, at: revision) == visited(grown, .everything, at: revision))
      }
    }
  }

  @Test func `a key with a long history is read at each of its revisions`() {
    var index = KeyIndex()
    for revision in Int64(1)...1000 {
      index.append(
        KeyVersion(number: revision, modRevision: revision, createRevision: 1, version: revision),
        to: [1])
    }
    for revision in Int64(1)...1000 {
      #expect(index.version(of: [1], at: revision)?.version == revision)
    }
    #expect(index.version(of: [1], at: 0) == nil)
    #expect(index.trim([1], asOf: 990, limit: 37) == Array(1...37))
    #expect(index.trim([1], asOf: 990, limit: .max) == Array(38...989))
    #expect(index.version(of: [1], at: 989) == nil)
    #expect(index.version(of: [1], at: 990)?.version == 990)
    #expect(index.violation() == nil)
  }
}
