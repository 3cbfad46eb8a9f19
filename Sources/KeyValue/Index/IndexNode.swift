/// A block of the index: a leaf of keys with their versions, or a branch of blocks.
///
/// Blocks are shared between the index and every read view that shows them.
///
/// `@unchecked Sendable`: a block is changed only by the index that owns it, and only while
/// `isKnownUniquelyReferenced` says that nobody else can reach it; a shared block is copied first.
/// So nobody can look at it meanwhile, and checking each access for that would cost a tenth of all.
final class IndexNode: @unchecked Sendable {
  /// Keys of a leaf.
  static let limitKeys = 64
  /// Children of a branch: fewer, for copying a branch touches each of them.
  static let limitChildren = 16
  /// Beyond it a leaf splits before it has `limitKeys` keys.
  static let limitBytes = 8 << 10

  /// Of a leaf: its keys. Of a branch: a lower bound for each child; the first counts as −∞.
  @exclusivity(unchecked) var keys = PackedKeys()
  /// Of a leaf: the newest version of each key.
  @exclusivity(unchecked) var newest: [KeyVersion] = []
  /// Of a leaf: the older versions of each key.
  @exclusivity(unchecked) var histories = Histories()
  /// Of a branch; all of one height. Empty in a leaf.
  @exclusivity(unchecked) var children: [IndexNode] = []
  /// Of a branch: how many live keys each child holds.
  @exclusivity(unchecked) var lives: [Int] = []
  /// How many keys below are not deleted.
  @exclusivity(unchecked) var live = 0
  /// How many versions there are below.
  @exclusivity(unchecked) var versions = 0

  init() {}

  var isLeaf: Bool { children.isEmpty }

  /// Versions that no reader of the newest revision needs.
  var spare: Int { versions - live }

  var entryCount: Int { isLeaf ? newest.count : children.count }

  var limitEntries: Int { isLeaf ? IndexNode.limitKeys : IndexNode.limitChildren }

  /// One level deep: the arrays are copied by the first change to each.
  func copy() -> IndexNode {
    let copy = IndexNode()
    copy.keys = keys
    copy.newest = newest
    copy.histories = histories
    copy.children = children
    copy.lives = lives
    copy.live = live
    copy.versions = versions
    return copy
  }

  /// The child that holds `key` if anything does.
  func childSlot(_ key: UnsafeRawBufferPointer) -> Int {
    let (slot, isFound) = keys.find(key)
    return isFound ? slot : max(0, slot - 1)
  }

  /// The leaf below that holds `key` if anything does.
  func leaf(of key: UnsafeRawBufferPointer) -> IndexNode {
    // This block keeps all below alive: counting references on the way would only cost.
    var node = Unmanaged.passUnretained(self)
    while let child = node._withUnsafeGuaranteedRef({ $0.child(of: key) }) { node = child }
    return node.takeUnretainedValue()
  }

  /// `nil`: this is a leaf.
  private func child(of key: UnsafeRawBufferPointer) -> Unmanaged<IndexNode>? {
    isLeaf ? nil : Unmanaged.passUnretained(children[childSlot(key)])
  }

  /// How many live keys below come before `key`.
  func rank(of key: UnsafeRawBufferPointer) -> Int {
    var node = self
    var rank = 0
    while !node.isLeaf {
      let slot = node.childSlot(key)
      for index in 0..<slot { rank += node.lives[index] }
      node = node.children[slot]
    }
    let end = node.keys.find(key).slot
    for index in 0..<end where !node.newest[index].isTombstone { rank += 1 }
    return rank
  }

  /// Of a leaf: the version of a slot that a revision sees, tombstones included; `nil`: none yet.
  func version(at slot: Int, asOf revision: Int64) -> KeyVersion? {
    if newest[slot].modRevision <= revision { return newest[slot] }
    let seen = histories.count(at: slot, atOrBefore: revision)
    return seen == 0 ? nil : histories.version(at: slot, seen - 1)
  }

  /// Of a leaf: how many of a slot's oldest versions compaction at `revision` removes: what was
  /// superseded by then, and the tombstone that superseded it before.
  func trimmable(at slot: Int, asOf revision: Int64) -> Int {
    if newest[slot].modRevision <= revision {
      return histories.count(at: slot) + (isSpent(newest[slot], asOf: revision) ? 1 : 0)
    }
    let seen = histories.count(at: slot, atOrBefore: revision)
    guard seen > 0 else { return 0 }
    return seen - 1 + (isSpent(histories.version(at: slot, seen - 1), asOf: revision) ? 1 : 0)
  }

  /// A tombstone of the compacted revision itself stays: a watch may begin there, and must be told
  /// of the deletion (etcd-io/etcd#19179).
  private func isSpent(_ version: KeyVersion, asOf revision: Int64) -> Bool {
    version.isTombstone && version.modRevision < revision
  }
}
