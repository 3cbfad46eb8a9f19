/// Checks a whole history against the order that the store itself claims: its revisions.
///
/// Every successful write has a revision of its own; every answer names the revision it reflects.
/// So the history is one of a linearizable store only if real time agrees with the revisions, and
/// every read shows exactly what the writes up to its revision have left. Writes whose outcome is
/// unknown may stand at revisions that nobody was told.
struct RevisionOrder {
  /// A write as the revisions order it.
  private struct Write {
    var revision: Int64
    var operation: History.Operation
  }

  private let history: History
  /// Successful writes with a known revision, ascending.
  private var writes: [Write] = []
  /// The same, of each key.
  private var writesOf: [String: [Write]] = [:]
  /// Revisions above the initial one, up to the highest told, that no known write has and nothing
  /// outside the history.
  private var gaps: [Int64] = []
  /// Of each operation: the answered linearizable operation with the highest revision among those
  /// that completed before it was invoked.
  private var precedingOf: [History.Operation?] = []
  /// Writes whose outcome is unknown, of each key.
  private var openOf: [String: [History.Operation]] = [:]

  init(_ history: History) {
    self.history = history
    for operation in history.operations {
      if operation.isSuccessfulWrite, let revision = operation.outcome.revision {
        writes.append(Write(revision: revision, operation: operation))
      } else if operation.call.isWrite && operation.outcome == .unknown,
        let key = operation.call.key
      {
        openOf[key, default: []].append(operation)
      }
    }
    writes.sort { ($0.revision, $0.operation.id) < ($1.revision, $1.operation.id) }
    for write in writes {
      guard let key = write.operation.call.key else { continue }
      writesOf[key, default: []].append(write)
    }
    gaps = Self.gaps(between: writes, in: history)
    precedingOf = Self.preceding(in: history)
  }

  /// The first contradiction; `nil`: none.
  func violation() -> Violation? {
    twoWritesAtOneRevision() ?? realTimeOrder() ?? sessionOrder() ?? contents() ?? ages()
      ?? unexplainedRevisions()
  }

  // MARK: The rules

  private func twoWritesAtOneRevision() -> Violation? {
    for (left, right) in zip(writes, writes.dropFirst()) where left.revision == right.revision {
      return Violation(
        sentence: "two writes were told the same revision \(left.revision)",
        witness: [left.operation, right.operation])
    }
    return nil
  }

  /// What completed before another operation began has a revision no higher, and lower than a
  /// write's.
  private func realTimeOrder() -> Violation? {
    for operation in history.operations where operation.isLinearizable {
      guard let revision = operation.outcome.revision,
        let earlier = precedingOf[operation.id.number],
        let earlierRevision = earlier.outcome.revision
      else { continue }
      if earlierRevision > revision {
        return Violation(
          sentence: "an answer shows revision \(revision), though revision \(earlierRevision) "
            + "had been told before it was asked",
          witness: [earlier, operation])
      }
      if operation.isSuccessfulWrite && earlierRevision == revision {
        return Violation(
          sentence: "a write got revision \(revision), which had been told before it was asked",
          witness: [earlier, operation])
      }
    }
    return nil
  }

  /// Within a session, a later call never shows an earlier revision.
  private func sessionOrder() -> Violation? {
    var newestOf: [Int: History.Operation] = [:]
    let answered = history.operations.filter { $0.outcome.revision != nil }
    let byCompletion = answered.sorted {
      ($0.completed ?? .max, $0.id) < ($1.completed ?? .max, $1.id)
    }
    var next = 0
    for operation in answered {
      // All that completed before this call.
      while next < byCompletion.count,
        let completed = byCompletion[next].completed, completed < operation.invoked
      {
        let earlier = byCompletion[next]
        let newest = newestOf[earlier.session]?.outcome.revision ?? .min
        if earlier.outcome.revision ?? .min > newest { newestOf[earlier.session] = earlier }
        next += 1
      }
      if let earlier = newestOf[operation.session], let told = earlier.outcome.revision,
        let revision = operation.outcome.revision, told > revision
      {
        return Violation(
          sentence: "session \(operation.session) went back from revision \(told) to \(revision)",
          witness: [earlier, operation])
      }
    }
    return nil
  }

  /// A read shows what the writes up to its revision have left.
  private func contents() -> Violation? {
    for operation in history.operations {
      switch (operation.call, operation.outcome) {
      case (.get(let key, _), .got(let value, let revision, _)):
        if let violation = contradiction(operation, key, value, at: revision) { return violation }
      case (.scan, .scanned(let pairs, let revision, _)):
        if let violation = contradiction(operation, pairs, at: revision) { return violation }
      case (.delete(let key), .deleted(let existed, let revision)):
        let before = existed ? revision - 1 : revision
        if holds(key, nil, at: before) == (existed ? .certainly : .never) {
          return Violation(
            sentence: "a delete found \(existed ? "a value" : "nothing") in \(key) "
              + "at revision \(before)",
            witness: witness(operation, key, at: before))
        }
      case (.compareAndSwap(let key, let expected, _), .swapped(true, let revision)):
        if let violation = contradiction(operation, key, expected, at: revision - 1) {
          return violation
        }
      case (.compareAndSwap(let key, let expected, _), .swapped(false, let revision)):
        if holds(key, expected, at: revision) == .certainly {
          return Violation(
            sentence: "a comparison failed though \(key) held "
              + "\(expected ?? "nothing") at revision \(revision)",
            witness: witness(operation, key, at: revision))
        }
      case (.put, _), (.delete, _), (.compareAndSwap, _), (.get, _), (.scan, _):
        continue
      }
    }
    return nil
  }

  /// An answer that is `age` old at most misses nothing that completed so long before its call.
  private func ages() -> Violation? {
    let byCompletion = writes.sorted {
      ($0.operation.completed ?? .max, $0.revision) < ($1.operation.completed ?? .max, $1.revision)
    }
    var highest: [Write] = []
    for write in byCompletion {
      highest.append(highest.last.map { $0.revision > write.revision ? $0 : write } ?? write)
    }
    for operation in history.operations {
      guard let age = operation.outcome.age, let revision = operation.outcome.revision else {
        continue
      }
      let horizon = operation.invoked - age
      let count = byCompletion.partitionPoint { ($0.operation.completed ?? .max) >= horizon }
      if count > 0, highest[count - 1].revision > revision {
        return Violation(
          sentence: "an answer of age \(age) at most misses revision "
            + "\(highest[count - 1].revision), told before instant \(horizon)",
          witness: [highest[count - 1].operation, operation])
      }
    }
    return nil
  }

  /// Each revision is some write's: one told, or one whose outcome is unknown.
  private func unexplainedRevisions() -> Violation? {
    guard history.initialRevision != nil else { return nil }
    // A write can stand only above all that was told before it was asked; sorted by that bound,
    // the first ones can fill any gap that the later ones can.
    let bounds = openOf.values.joined().map(lowerBound).sorted()
    var (available, used) = (0, 0)
    for gap in gaps {
      while available < bounds.count && bounds[available] < gap { available += 1 }
      if used == available {
        let after = writes.first { $0.revision > gap }?.operation
        return Violation(
          sentence: "no write explains revision \(gap)", witness: after.map { [$0] } ?? [])
      }
      used += 1
    }
    return nil
  }

  // MARK: What a key holds

  private enum Holding {
    case certainly, possibly, never
  }

  /// Whether the key held the value (`nil`: did not exist) at a revision.
  private func holds(_ key: String, _ value: String?, at revision: Int64) -> Holding {
    let known = writesOf[key, default: []]
    let count = known.partitionPoint { $0.revision > revision }
    let (from, told) =
      count == 0 ? (.min, nil) : (known[count - 1].revision, known[count - 1].operation.valueAfter)
    let open = openOf[key, default: []].filter { write in
      let after = max(from, lowerBound(write))
      return history.initialRevision == nil || hasGap(above: after, upTo: revision)
    }
    if told == value { return open.contains { $0.valueAfter != value } ? .possibly : .certainly }
    return open.contains { $0.valueAfter == value } ? .possibly : .never
  }

  private func contradiction(
    _ operation: History.Operation, _ key: String, _ value: String?, at revision: Int64
  ) -> Violation? {
    guard holds(key, value, at: revision) == .never else { return nil }
    return Violation(
      sentence: "\(key) cannot have held \(value ?? "nothing") at revision \(revision)",
      witness: witness(operation, key, at: revision))
  }

  private func contradiction(
    _ scan: History.Operation, _ pairs: [History.Pair], at revision: Int64
  ) -> Violation? {
    for (left, right) in zip(pairs, pairs.dropFirst())
    where !History.precedes(left.key, right.key) {
      return Violation(
        sentence: "a scan shows \(left.key) before \(right.key)", witness: [scan])
    }
    for pair in pairs {
      if let violation = contradiction(scan, pair.key, pair.value, at: revision) {
        return violation
      }
    }
    let seen = Set(pairs.map(\.key))
    for key in writesOf.keys.sorted(by: History.precedes) where !seen.contains(key) {
      if let violation = contradiction(scan, key, nil, at: revision) { return violation }
    }
    return nil
  }

  /// The answer, and the write that it should show.
  private func witness(
    _ operation: History.Operation, _ key: String, at revision: Int64
  ) -> [History.Operation] {
    let shown = writesOf[key, default: []].last { $0.revision <= revision }?.operation
    return [shown, operation].compactMap(\.self)
  }

  // MARK: Revisions

  /// The highest revision told before the operation was asked.
  private func lowerBound(_ operation: History.Operation) -> Int64 {
    precedingOf[operation.id.number]?.outcome.revision ?? .min
  }

  /// Some revision in `(low, high]` belongs to no known write.
  private func hasGap(above low: Int64, upTo high: Int64) -> Bool {
    let first = gaps.partitionPoint { $0 > low }
    return first < gaps.count && gaps[first] <= high
  }

  private static func gaps(between writes: [Write], in history: History) -> [Int64] {
    guard let initial = history.initialRevision else { return [] }
    let highest = history.operations.compactMap(\.outcome.revision).max() ?? initial
    var gaps: [Int64] = []
    var next = initial + 1
    for revision in writes.map(\.revision) + [highest + 1] where revision >= next {
      gaps += (next..<revision).filter { !history.outsideRevisions.contains($0) }
      next = revision + 1
    }
    return gaps
  }

  private static func preceding(in history: History) -> [History.Operation?] {
    let answered = history.operations.filter { $0.isLinearizable && $0.outcome.revision != nil }
    let byCompletion = answered.sorted {
      ($0.completed ?? .max, $0.id) < ($1.completed ?? .max, $1.id)
    }
    var newest: History.Operation?
    var next = 0
    return history.operations.map { operation in
      while next < byCompletion.count,
        let completed = byCompletion[next].completed, completed < operation.invoked
      {
        let earlier = byCompletion[next]
        if earlier.outcome.revision ?? .min > newest?.outcome.revision ?? .min { newest = earlier }
        next += 1
      }
      return newest
    }
  }
}

extension Array {
  /// How many elements come before the first for which the condition holds. *Precondition*: it
  /// holds for none, and from some element on for all.
  fileprivate func partitionPoint(_ isBeyond: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
