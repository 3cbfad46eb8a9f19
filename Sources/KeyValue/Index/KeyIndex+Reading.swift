extension KeyIndex {
  /// The newest version of a key, tombstones included; `nil`: the index does not know the key.
  func newest(of key: [UInt8]) -> KeyVersion? {
    key.withUnsafeBytes { key in
      let leaf = root.leaf(of: key)
      let (slot, isFound) = leaf.keys.find(key)
      return isFound ? leaf.newest[slot] : nil
    }
  }

  /// The version of a key that a revision sees; `nil`: the key was not there. `revision == nil`:
  /// the newest.
  func version(of key: [UInt8], at revision: Int64?) -> KeyVersion? {
    let version = key.withUnsafeBytes { key -> KeyVersion? in
      let leaf = root.leaf(of: key)
      let (slot, isFound) = leaf.keys.find(key)
      guard isFound else { return nil }
      guard let revision else { return leaf.newest[slot] }
      return leaf.version(at: slot, asOf: revision)
    }
    guard let version, !version.isTombstone else { return nil }
    return version
  }

  /// How many live keys lie within the bounds: O(log n).
  func count(in bounds: KeyBounds) -> Int {
    guard !bounds.isEmpty else { return 0 }
    return bounds.withBytes { lower, upper in
      (upper.map { root.rank(of: $0) } ?? root.live) - root.rank(of: lower)
    }
  }

  /// How many keys within the bounds a revision sees. At the newest (`nil`) O(log n); at an older
  /// one O(keys within the bounds), for the blocks count only what lives now.
  func count(in bounds: KeyBounds, at revision: Int64?) -> Int {
    guard let revision else { return count(in: bounds) }
    var count = 0
    visit(bounds, at: revision) { _, _, _ in
      count += 1
      return true
    }
    return count
  }

  /// How many live keys come before `key`: O(log n).
  func rank(of key: [UInt8]) -> Int {
    key.withUnsafeBytes { root.rank(of: $0) }
  }

  /// The live key with `rank` live keys before it: O(log n). `nil`: there are not so many.
  func key(ranked rank: Int) -> [UInt8]? {
    guard rank >= 0, rank < root.live else { return nil }
    var node = root
    var rest = rank
    while !node.isLeaf {
      var slot = 0
      while rest >= node.lives[slot] {
        rest -= node.lives[slot]
        slot += 1
      }
      node = node.children[slot]
    }
    for slot in 0..<node.newest.count where !node.newest[slot].isTombstone {
      if rest == 0 { return node.keys.key(at: slot) }
      rest -= 1
    }
    preconditionFailure("a block counts \(node.live) live keys but has none ranked \(rank)")
  }

  /// Shows the keys within the bounds that a revision (`nil`: the newest) sees, ascending, until
  /// `body` answers false. `body` gets the block's keys, the key's slot among them, the version.
  func visit(
    _ bounds: KeyBounds, at revision: Int64?,
    _ body: (borrowing PackedKeys, Int, KeyVersion) -> Bool
  ) {
    guard !bounds.isEmpty else { return }
    bounds.withBytes { lower, upper in _ = root.visit(lower, upper, at: revision, body) }
  }

  /// Keys from `start` on that compaction at `revision` would trim, after looking at no more than
  /// `limit` keys with spare versions; and where to go on, `nil`: that was all.
  func trimmable(
    from start: [UInt8], asOf revision: Int64, limit: Int
  ) -> (keys: [[UInt8]], next: [UInt8]?) {
    var search = TrimSearch(revision: revision, limit: limit)
    start.withUnsafeBytes { root.collect($0, &search) }
    return (search.found, search.next)
  }
}

/// What a walk for trimmable keys has found so far.
struct TrimSearch {
  let revision: Int64
  /// How many more keys may be looked at.
  var limit: Int
  var found: [[UInt8]] = []
  /// Set when the limit ended the walk.
  var next: [UInt8]?

  init(revision: Int64, limit: Int) {
    self.revision = revision
    self.limit = limit
  }
}

extension IndexNode {
  /// `nil` bounds: none. False: `body` wants no more.
  fileprivate func visit(
    _ lower: UnsafeRawBufferPointer?, _ upper: UnsafeRawBufferPointer?, at revision: Int64?,
    _ body: (borrowing PackedKeys, Int, KeyVersion) -> Bool
  ) -> Bool {
    if isLeaf {
      let start = lower.map { keys.find($0).slot } ?? 0
      let end = upper.map { keys.find($0).slot } ?? newest.count
      for slot in start..<max(start, end) {
        let seen = revision.map { version(at: slot, asOf: $0) } ?? newest[slot]
        guard let seen, !seen.isTombstone else { continue }
        if !body(keys, slot, seen) { return false }
      }
      return true
    }
    let first = lower.map(childSlot) ?? 0
    let last = upper.map(childSlot) ?? children.count - 1
    guard first <= last else { return true }
    for slot in first...last {
      let goesOn = children[slot].visit(
        slot == first ? lower : nil, slot == last ? upper : nil, at: revision, body)
      if !goesOn { return false }
    }
    return true
  }

  /// Passes over whole blocks without spare versions.
  fileprivate func collect(_ start: UnsafeRawBufferPointer?, _ search: inout TrimSearch) {
    guard spare > 0, search.next == nil else { return }
    if isLeaf {
      for slot in (start.map { keys.find($0).slot } ?? 0)..<newest.count {
        guard newest[slot].isTombstone || histories.count(at: slot) > 0 else { continue }
        guard search.limit > 0 else {
          search.next = keys.key(at: slot)
          return
        }
        search.limit -= 1
        if trimmable(at: slot, asOf: search.revision) > 0 {
          search.found.append(keys.key(at: slot))
        }
      }
      return
    }
    let first = start.map(childSlot) ?? 0
    for slot in first..<children.count {
      children[slot].collect(slot == first ? start : nil, &search)
    }
  }
}
