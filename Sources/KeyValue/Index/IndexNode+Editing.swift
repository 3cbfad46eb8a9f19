extension IndexNode {
  /// The right half of a block that grew too large.
  struct Split {
    var node: IndexNode
    /// Above every key of the left half, not above any key of the right.
    var separator: [UInt8]
  }

  /// Adds a key's newest version, which `next` makes from the living one before it.
  /// *Precondition*: this block is reachable by the caller alone.
  func append(
    to key: UnsafeRawBufferPointer, _ next: (KeyVersion?) -> KeyVersion
  ) -> Split? {
    versions += 1
    return isLeaf ? appendToLeaf(key, next) : appendToBranch(key, next)
  }

  private func appendToLeaf(
    _ key: UnsafeRawBufferPointer, _ next: (KeyVersion?) -> KeyVersion
  ) -> Split? {
    let (slot, isFound) = keys.find(key)
    let previous = isFound ? newest[slot] : nil
    let version = next(previous?.isTombstone == false ? previous : nil)
    if !version.isTombstone { live += 1 }
    if let previous {
      precondition(
        previous.number < version.number, "row \(version.number) after row \(previous.number)")
      if !previous.isTombstone { live -= 1 }
      histories.append(previous, at: slot, of: newest.count)
      newest[slot] = version
      return nil
    }
    keys.insert(key, at: slot)
    newest.insert(version, at: slot)
    histories.insertSlot(slot)
    guard
      newest.count > IndexNode.limitKeys
        || keys.byteCount > IndexNode.limitBytes && newest.count > 1
    else { return nil }
    // Keys that come in ascending order leave full blocks behind.
    return split(at: slot == newest.count - 1 ? slot : newest.count / 2)
  }

  private func appendToBranch(
    _ key: UnsafeRawBufferPointer, _ next: (KeyVersion?) -> KeyVersion
  ) -> Split? {
    let slot = childSlot(key)
    own(slot)
    let split = children[slot].append(to: key, next)
    let after = children[slot].live + (split?.node.live ?? 0)
    live += after - lives[slot]
    lives[slot] = children[slot].live
    guard let split else { return nil }
    children.insert(split.node, at: slot + 1)
    lives.insert(split.node.live, at: slot + 1)
    split.separator.withUnsafeBytes { keys.insert($0, at: slot + 1) }
    guard children.count > IndexNode.limitChildren else { return nil }
    return self.split(at: slot == children.count - 2 ? slot + 1 : children.count / 2)
  }

  private func split(at slot: Int) -> Split {
    let right = IndexNode()
    let separator: [UInt8]
    if isLeaf {
      separator = shortestSeparator(before: slot)
      right.newest = Array(newest[slot...])
      newest = Array(newest[..<slot])
      right.histories = histories.splitOff(at: slot)
      right.keys = keys.splitOff(at: slot)
    } else {
      separator = keys.key(at: slot)
      right.children = Array(children[slot...])
      right.lives = Array(lives[slot...])
      children = Array(children[..<slot])
      lives = Array(lives[..<slot])
      right.keys = keys.splitOff(at: slot)
    }
    right.recount()
    live -= right.live
    versions -= right.versions
    return Split(node: right, separator: separator)
  }

  /// The shortest beginning of a leaf's key that is above the key before it.
  private func shortestSeparator(before slot: Int) -> [UInt8] {
    keys.withKey(at: slot - 1) { left in
      keys.withKey(at: slot) { right in
        Array(right[..<(ByteOrder.commonPrefix(left, right) + 1)])
      }
    }
  }

  /// Counts what lies directly in this block.
  func recount() {
    if isLeaf {
      live = 0
      for version in newest where !version.isTombstone { live += 1 }
      versions = newest.count + histories.count
    } else {
      live = lives.reduce(0, +)
      versions = children.reduce(0) { $0 + $1.versions }
    }
  }

  /// Makes a child reachable by this block alone.
  private func own(_ slot: Int) {
    if !isKnownUniquelyReferenced(&children[slot]) { children[slot] = children[slot].copy() }
  }

  /// Removes up to `limit` of a key's oldest versions that compaction at `revision` makes
  /// unreachable. *Precondition*: this block is reachable by the caller alone.
  func trim(
    _ key: UnsafeRawBufferPointer, asOf revision: Int64, limit: Int, into removed: inout [RowNumber]
  ) {
    let before = removed.count
    if isLeaf {
      trimLeaf(key, asOf: revision, limit: limit, into: &removed)
    } else {
      let slot = childSlot(key)
      own(slot)
      children[slot].trim(key, asOf: revision, limit: limit, into: &removed)
      tidy(slot)
    }
    versions -= removed.count - before
  }

  private func trimLeaf(
    _ key: UnsafeRawBufferPointer, asOf revision: Int64, limit: Int, into removed: inout [RowNumber]
  ) {
    let (slot, isFound) = keys.find(key)
    guard isFound else { return }
    let length = min(limit, trimmable(at: slot, asOf: revision))
    let older = min(length, histories.count(at: slot))
    for position in 0..<older { removed.append(histories.version(at: slot, position).number) }
    if older > 0 { histories.removeFirst(older, at: slot) }
    if length > older {
      removed.append(newest[slot].number)
      keys.remove(at: slot)
      newest.remove(at: slot)
      histories.removeSlot(slot)
    }
  }

  /// Drops a child that became empty, and joins one that became small to its neighbour.
  private func tidy(_ slot: Int) {
    if children[slot].entryCount == 0 { return removeChild(slot) }
    let limit = children[slot].limitEntries
    guard children[slot].entryCount < limit / 4, children.count > 1 else { return }
    let left = slot == 0 ? 0 : slot - 1
    let entries = children[left].entryCount + children[left + 1].entryCount
    let bytes = children[left].keys.byteCount + children[left + 1].keys.byteCount
    guard entries <= limit * 3 / 4, bytes <= IndexNode.limitBytes else { return }
    own(left)
    let separator = keys.key(at: left + 1)
    children[left].absorb(children[left + 1], from: separator)
    lives[left] = children[left].live
    removeChild(left + 1)
  }

  private func removeChild(_ slot: Int) {
    children.remove(at: slot)
    lives.remove(at: slot)
    keys.remove(at: slot)
  }

  /// Takes over what a right neighbour holds; `separator` is the neighbour's lower bound.
  private func absorb(_ right: IndexNode, from separator: [UInt8]) {
    if isLeaf {
      histories.append(
        contentsOf: right.histories, slots: newest.count, otherSlots: right.newest.count)
      newest += right.newest
      keys.append(contentsOf: right.keys)
    } else {
      var bounds = right.keys
      // The neighbour's own first bound counted as −∞; here it must be the true one.
      separator.withUnsafeBytes { bounds.replace(at: 0, with: $0) }
      keys.append(contentsOf: bounds)
      children += right.children
      lives += right.lives
    }
    live += right.live
    versions += right.versions
  }
}
