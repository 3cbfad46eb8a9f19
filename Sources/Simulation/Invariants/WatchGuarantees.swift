import KeyValue

/// What etcd promises of watches (etcd api_guarantees), held against the fold of the log: ordered,
/// unique, reliable, atomic, resumable and bookmarkable; nothing from before the start, no bookmark
/// ahead of its events, and the pair before a change is the one before it.
///
/// What was committed is known here as soon as any member has applied it, so there is no event that
/// a watch could bring too early.
struct WatchGuarantees {
  /// A change, and the row that it has superseded.
  private struct Change {
    var row: Row
    var previous: Row?
  }

  /// In the order of the log.
  private var changes: [Change] = []
  private var newest: [[UInt8]: Row] = [:]
  private var revision: Int64 = 1
  /// Up to where anyone has compacted.
  private var compacted: Int64 = 0

  /// Somebody has applied an entry.
  mutating func note(_ applied: Applied, of command: Command) {
    if case .compaction(let revision) = command, case .compaction = applied.result.answer {
      compacted = max(compacted, revision)
    }
    guard applied.result.revision > revision else { return }
    revision = applied.result.revision
    for change in applied.changes {
      let row = change.row
      changes.append(Change(row: row, previous: newest[row.key]))
      newest[row.key] = row.isTombstone ? nil : row
    }
  }

  /// The store's revision, as far as anybody has come.
  var last: Int64 { revision }

  /// A watch that stands at `next` brings these. Nil: as it should be.
  func violation(_ brought: [ChangePiece.Change], _ request: WatchRequest, next: Int64) -> String? {
    guard let end = brought.last?.row.modRevision else { return "an answer without events" }
    let owed = owed(request, next...max(next, end))
    guard brought.map(\.row) == owed.map(\.row) else {
      return "brings \(Self.text(brought.map(\.row))), and is owed \(Self.text(owed.map(\.row)))"
    }
    for (change, owed) in zip(brought, owed) where request.previousPairs {
      // What was before may be compacted by now.
      if change.previous == nil, owed.row.modRevision <= compacted { continue }
      guard change.previous == owed.previous else {
        let told = change.previous.map { Self.text([$0]) } ?? "nothing"
        return "tells \(told) as what was before \(Self.text([owed.row]))"
      }
    }
    return nil
  }

  /// A watch that stands at `next` is told that everything up to `bookmark` has come.
  func violation(bookmark: Int64, _ request: WatchRequest, next: Int64) -> String? {
    guard bookmark >= next else { return nil }
    let missing = owed(request, next...bookmark)
    guard missing.isEmpty else {
      return
        "is told to have everything up to \(bookmark), without \(Self.text(missing.map(\.row)))"
    }
    return nil
  }

  /// A watch that stands at `next` is told that it can only go on at `revision`.
  func violation(compacted revision: Int64, next: Int64) -> String? {
    revision > next && revision <= compacted
      ? nil : "is told that \(next) is compacted up to \(revision), and it is up to \(compacted)"
  }

  /// Whether a watch has still something to get.
  func owes(_ request: WatchRequest, from next: Int64) -> Bool {
    next <= revision && !owed(request, next...revision).isEmpty
  }

  private func owed(_ request: WatchRequest, _ revisions: ClosedRange<Int64>) -> [Change] {
    changes[place(of: revisions.lowerBound)..<place(of: revisions.upperBound + 1)].filter {
      Self.holds(request.range, $0.row.key)
        && ($0.row.isTombstone ? !request.withoutDeletes : !request.withoutPuts)
    }
  }

  private static func holds(_ range: KeyRange, _ key: [UInt8]) -> Bool {
    if range.end.isEmpty { return key == range.key }
    guard !key.lexicographicallyPrecedes(range.key) else { return false }
    return range.end == [0] || key.lexicographicallyPrecedes(range.end)
  }

  /// Of the first change of the revision or a later one.
  private func place(of revision: Int64) -> Int {
    var (low, high) = (0, changes.count)
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].row.modRevision < revision { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func text(_ rows: [Row]) -> String {
    let texts = rows.prefix(5).map { row in
      "\(String(decoding: row.key, as: UTF8.self))\(row.isTombstone ? "†" : "")@\(row.modRevision)"
    }
    return "[" + (texts + (rows.count > 5 ? ["…"] : [])).joined(separator: " ") + "]"
  }
}
