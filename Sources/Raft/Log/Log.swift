import Base

/// One member's log (Raft §5.3): of every entry after the base its term and size, of the recent
/// ones the entry itself. What memory no longer holds is read back from disk by `LogFetch`.
///
/// ```text
///   snapshot │ on disk only      │ window, bounded in bytes │
///            │ term and size     │ term, size and entry     │
///          base            windowStart                     last
/// ```
struct Log: Hashable, Sendable {
  /// Entries of one term lie side by side, because terms never go back along a log.
  private struct Run: Hashable, Sendable {
    var first: LogIndex
    var term: Term
  }

  /// The last entry that a snapshot covers.
  private(set) var base: EntryID
  private(set) var last: EntryID
  private var runs: [Run] = []
  /// Of each entry after the base, the sizes of all that this log ever held up to it.
  private var ends = Queue<Int>()
  /// The same of the base.
  private var baseEnd = 0
  private var window = Queue<Entry>()
  private(set) var windowBytes = 0

  init(base: EntryID) {
    self.base = base
    last = base
  }

  /// The first entry that memory holds; one past the last if it holds none.
  var windowStart: LogIndex { LogIndex(last.index.number + 1 - UInt64(window.count)) }

  /// The term of the entry at `index`; `nil`: before the base or after the last.
  func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    guard index > base.index, index <= last.index else { return nil }
    return runs[run(at: index)].term
  }

  /// The id of the entry at `index`. *Precondition*: it lies between base and last.
  func id(at index: LogIndex) -> EntryID {
    guard let term = term(at: index) else {
      fatalError(
        "entry \(index.number) is not in \(base.index.number)...\(last.index.number)")
    }
    return EntryID(term: term, index: index)
  }

  /// Whether this very entry is in the log, or is its base.
  func holds(_ id: EntryID) -> Bool { term(at: id.index) == id.term }

  /// The last entry at or before `index` whose term is at most `term`; the base if there is none.
  /// Where two logs can still agree after a conflict at `index` (Raft §5.3).
  func lastEntry(upTo index: LogIndex, term: Term) -> EntryID {
    var bound = min(index, last.index)
    guard bound > base.index else { return base }
    var position = run(at: bound)
    while runs[position].term > term {
      guard position > 0 else { return base }
      bound = runs[position].first.previous
      position -= 1
    }
    return EntryID(term: runs[position].term, index: bound)
  }

  /// The sum of the sizes of the entries in `(low, high]`.
  func bytes(after low: LogIndex, through high: LogIndex) -> Int {
    low < high ? end(of: high) - end(of: low) : 0
  }

  private func end(of index: LogIndex) -> Int {
    let count = Int(index.number - base.index.number)
    return count > 0 ? ends[count - 1] : baseEnd
  }

  /// The entry at `index`; `nil`: memory does not hold it.
  func entry(at index: LogIndex) -> Entry? {
    let start = windowStart
    guard index >= start, index <= last.index else { return nil }
    return window[Int(index.number - start.number)]
  }

  /// Entries from `first` to at most `last`, at least one and then no more than `limitBytes`;
  /// `nil`: memory does not hold the first.
  func entries(from first: LogIndex, through last: LogIndex, limitBytes: Int) -> [Entry]? {
    let start = windowStart
    guard first >= start else { return nil }
    var taken: [Entry] = []
    var bytes = 0
    var index = first
    while index <= min(last, self.last.index) {
      let entry = window[Int(index.number - start.number)]
      bytes += entry.byteCount
      if !taken.isEmpty && bytes > limitBytes { break }
      taken.append(entry)
      index = index.next
    }
    return taken
  }

  /// *Precondition*: the next slot, in a term that is not below the last one's.
  mutating func append(_ entry: Entry) {
    demand(
      entry.index == last.index.next && entry.term >= last.term,
      "entry \(entry.index.number)@\(entry.term.number) does not follow "
        + "\(last.index.number)@\(last.term.number)")
    if runs.last?.term != entry.term { runs.append(Run(first: entry.index, term: entry.term)) }
    let bytes = entry.byteCount
    ends.append(end(of: last.index) + bytes)
    window.append(entry)
    windowBytes += bytes
    last = entry.id
  }

  /// Removes every entry after `index`. *Precondition*: `index` lies between base and last.
  mutating func truncate(after index: LogIndex) {
    let newLast = id(at: index)
    let removed = Int(last.index.number - index.number)
    let inWindow = min(removed, window.count)
    for offset in (window.count - inWindow)..<window.count {
      windowBytes -= window[offset].byteCount
    }
    window.removeLast(inWindow)
    ends.removeLast(removed)
    while let run = runs.last, run.first > index { runs.removeLast() }
    last = newLast
  }

  /// Forgets every entry up to `index`, which becomes the base. *Precondition*: between base and
  /// last.
  mutating func cut(through index: LogIndex) {
    let newBase = id(at: index)
    baseEnd = end(of: index)
    for _ in base.index.number..<index.number { ends.removeFirst() }
    while windowStart <= index, window.count > 0 { forgetFirst() }
    if index == last.index {
      runs = []
    } else {
      runs.removeFirst(run(at: index.next))
      runs[0].first = index.next
    }
    base = newBase
  }

  /// Starts over behind a snapshot that the log does not reach or contradicts.
  mutating func replace(base: EntryID) { self = Log(base: base) }

  /// Forgets entries from the front of the window, down to `limitBytes`, but none after `durable`:
  /// only what is on disk can be fetched again.
  mutating func shrinkWindow(limitBytes: Int, durable: LogIndex) {
    while windowBytes > limitBytes, windowStart <= durable { forgetFirst() }
  }

  /// Counts bytes from the base, as if the log had never been cut; linear in its length.
  mutating func forgetCuts() {
    let before = baseEnd
    ends.update { $0 - before }
    baseEnd = 0
  }

  private mutating func forgetFirst() {
    windowBytes -= window[0].byteCount
    window.removeFirst()
  }

  /// The position of the run that holds `index`. Nearly always asked near the end.
  private func run(at index: LogIndex) -> Int {
    var low = 0
    var high = runs.count - 1
    if runs[high].first <= index { return high }
    while low < high {
      let middle = (low + high + 1) / 2
      if runs[middle].first <= index { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
