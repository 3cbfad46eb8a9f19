extension KeyIndex {
  /// What is wrong with the index, in one sentence; `nil`: nothing. Looks at every block: for tests
  /// and for a start-up check.
  func violation() -> String? {
    root.violation(lower: nil, upper: nil).sentence
  }
}

extension IndexNode {
  fileprivate func violation(
    lower: [UInt8]?, upper: [UInt8]?
  ) -> (height: Int, sentence: String?) {
    for slot in 0..<keys.count {
      let key = keys.key(at: slot)
      // A branch's first bound counts as −∞.
      if !isLeaf && slot == 0 { continue }
      if let lower, ByteOrder.compare(key, lower) < 0 { return (0, "\(key) is below \(lower)") }
      if let upper, ByteOrder.compare(key, upper) >= 0 {
        return (0, "\(key) is not below \(upper)")
      }
      if slot > 0, isLeaf || slot > 1, ByteOrder.compare(keys.key(at: slot - 1), key) >= 0 {
        return (0, "\(key) is out of order")
      }
    }
    return isLeaf ? (0, leafViolation()) : branchViolation(lower: lower, upper: upper)
  }

  private func leafViolation() -> String? {
    guard keys.count == newest.count else {
      return "\(keys.count) keys of \(newest.count) versions"
    }
    for slot in newest.indices {
      var last: RowNumber = 0
      for position in 0..<histories.count(at: slot) {
        let number = histories.version(at: slot, position).number
        guard number > last else { return "a history is out of order" }
        last = number
      }
      guard newest[slot].number > last else { return "the newest version is not the newest" }
    }
    let counted = (live, versions)
    let copy = copy()
    copy.recount()
    return counted == (copy.live, copy.versions) ? nil : "a leaf counts \(counted)"
  }

  private func branchViolation(
    lower: [UInt8]?, upper: [UInt8]?
  ) -> (height: Int, sentence: String?) {
    guard keys.count == children.count, lives.count == children.count,
      children.count <= IndexNode.limitChildren
    else { return (0, "\(keys.count) bounds and \(lives.count) counts of \(children.count)") }
    var height: Int?
    for slot in children.indices {
      let below = children[slot].violation(
        lower: slot == 0 ? lower : keys.key(at: slot),
        upper: slot + 1 < keys.count ? keys.key(at: slot + 1) : upper)
      if below.sentence != nil { return below }
      if let height, height != below.height { return (0, "children of two heights") }
      height = below.height
      if children[slot].live != lives[slot] { return (0, "a branch counts \(lives[slot]) keys") }
    }
    let (live, versions) = (lives.reduce(0, +), children.reduce(0) { $0 + $1.versions })
    if (live, versions) != (self.live, self.versions) { return (0, "a branch counts wrongly") }
    return ((height ?? 0) + 1, nil)
  }
}
