/// What etcd refuses before it proposes (etcd api/v3rpc/key.go). Pure: the state has no say.

extension RangeRequest {
  public func validate() throws(RequestError) {
    if range.key.isEmpty { throw .emptyKey }
  }
}

extension PutRequest {
  public func validate() throws(RequestError) {
    if key.isEmpty { throw .emptyKey }
    if ignoreValue && !value.isEmpty { throw .valueProvided }
    if ignoreLease && lease != 0 { throw .leaseProvided }
  }
}

extension DeleteRangeRequest {
  public func validate() throws(RequestError) {
    if range.key.isEmpty { throw .emptyKey }
  }
}

extension TxnRequest {
  /// Nothing in it, nested ones included, can write, whichever way the compares go.
  public var isReadOnly: Bool {
    (success + failure).allSatisfy { operation in
      switch operation {
      case .range: true
      case .put, .deleteRange: false
      case .txn(let nested): nested.isReadOnly
      }
    }
  }

  /// `limitOperations` bounds the longest list; what is nested gets what the longest list above
  /// leaves of it, so that it bounds the depth too.
  public func validate(limitOperations: Int = 128) throws(RequestError) {
    try checkFields(limitOperations)
    _ = try Writes(of: success)
    _ = try Writes(of: failure)
  }

  private func checkFields(_ limitOperations: Int) throws(RequestError) {
    let longest = max(compares.count, success.count, failure.count)
    guard longest <= limitOperations else { throw .tooManyOperations }
    for compare in compares where compare.range.key.isEmpty { throw .emptyKey }
    for operations in [success, failure] {
      for operation in operations {
        switch operation {
        case .range(let request): try request.validate()
        case .put(let request): try request.validate()
        case .deleteRange(let request): try request.validate()
        case .txn(let request): try request.checkFields(limitOperations - longest)
        }
      }
    }
  }
}

/// What one branch of a transaction may write, nested ones included (etcd key.go checkIntervals).
private struct Writes {
  /// No key twice.
  private var puts: [[UInt8]] = []
  private var known: Set<[UInt8]> = []
  private var deletions = Deletions()

  /// *Throws* `.duplicateKey` when a key may be put twice, or deleted and then put.
  init(of operations: [Operation]) throws(RequestError) {
    for case .deleteRange(let deletion) in operations { deletions.insert(deletion.range) }
    for case .txn(let nested) in operations {
      let then = try Writes(of: nested.success)
      let otherwise = try Writes(of: nested.failure)
      for key in then.puts { try insert(key) }
      // Only one of the two branches runs: they may put the same key.
      for key in otherwise.puts where !then.known.contains(key) { try insert(key) }
      deletions.insert(contentsOf: then.deletions)
      deletions.insert(contentsOf: otherwise.deletions)
    }
    for case .put(let put) in operations { try insert(put.key) }
  }

  private mutating func insert(_ key: [UInt8]) throws(RequestError) {
    guard !deletions.contains(key), known.insert(key).inserted else { throw .duplicateKey }
    puts.append(key)
  }
}

/// The keys that deletions cover: intervals that ascend and do not touch.
private struct Deletions {
  private var intervals: [(lower: [UInt8], upper: [UInt8])] = []

  /// As in etcd, an end of one zero byte is taken for a bound like any other, below every key: a
  /// deletion without an end takes part in no conflict.
  mutating func insert(_ range: KeyRange) {
    insert(lower: range.key, upper: range.end.isEmpty ? range.key + [0] : range.end)
  }

  mutating func insert(contentsOf other: Deletions) {
    for interval in other.intervals { insert(lower: interval.lower, upper: interval.upper) }
  }

  func contains(_ key: [UInt8]) -> Bool {
    let end = firstEnding(after: key)
    return end < intervals.count && ByteOrder.compare(intervals[end].lower, key) <= 0
  }

  private mutating func insert(lower: [UInt8], upper: [UInt8]) {
    guard ByteOrder.compare(lower, upper) < 0 else { return }
    var (lower, upper) = (lower, upper)
    let start = firstEnding(after: lower)
    var end = start
    while end < intervals.count, ByteOrder.compare(intervals[end].lower, upper) < 0 {
      if ByteOrder.compare(intervals[end].lower, lower) < 0 { lower = intervals[end].lower }
      if ByteOrder.compare(intervals[end].upper, upper) > 0 { upper = intervals[end].upper }
      end += 1
    }
    intervals.replaceSubrange(start..<end, with: [(lower, upper)])
  }

  private func firstEnding(after key: [UInt8]) -> Int {
    var low = 0
    var high = intervals.count
    while low < high {
      let middle = (low + high) / 2
      if ByteOrder.compare(intervals[middle].upper, key) <= 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
