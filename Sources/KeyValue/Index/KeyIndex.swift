/// Every key and its versions since compaction: a counted B-tree whose copies share their blocks.
///
/// A copy costs one reference and stays as it is; a change copies only the blocks on its way that
/// a copy still shows. Counting and finding the n-th key take O(log n).
struct KeyIndex: Sendable {
  var root: IndexNode

  init() { root = IndexNode() }

  /// How many keys are alive.
  var liveCount: Int { root.live }

  /// How many versions are known, tombstones included.
  var versionCount: Int { root.versions }

  /// Adds a key's newest version. *Precondition*: its row number is above the key's others.
  mutating func append(_ version: KeyVersion, to key: [UInt8]) {
    append(to: key) { _ in version }
  }

  /// Adds a key's newest version, which `next` makes from the one before it (`nil`: the key is not
  /// alive): one way down instead of two. *Precondition*: its row number is above the key's others.
  mutating func append(to key: [UInt8], _ next: (KeyVersion?) -> KeyVersion) {
    own()
    guard let split = key.withUnsafeBytes({ root.append(to: $0, next) }) else { return }
    root = IndexNode.branch(of: [([], root), (split.separator, split.node)])
  }

  /// Removes up to `limit` of a key's oldest versions that compaction at `revision` makes
  /// unreachable, and says which rows they were.
  mutating func trim(_ key: [UInt8], asOf revision: Int64, limit: Int) -> [RowNumber] {
    own()
    var removed: [RowNumber] = []
    key.withUnsafeBytes { root.trim($0, asOf: revision, limit: limit, into: &removed) }
    while root.children.count == 1 { root = root.children[0] }
    return removed
  }

  private mutating func own() {
    if !isKnownUniquelyReferenced(&root) { root = root.copy() }
  }
}

extension IndexNode {
  /// A block above others. *Precondition*: they are of one height, ascend, and are not empty.
  static func branch(of parts: [(bound: [UInt8], node: IndexNode)]) -> IndexNode {
    let branch = IndexNode()
    for (slot, part) in parts.enumerated() {
      part.bound.withUnsafeBytes { branch.keys.insert($0, at: slot) }
      branch.children.append(part.node)
      branch.lives.append(part.node.live)
    }
    branch.recount()
    return branch
  }
}
