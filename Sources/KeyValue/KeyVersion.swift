/// What the index knows of one version of a key without reading its row.
struct KeyVersion: Hashable, Sendable {
  var number: RowNumber
  var modRevision: Int64
  /// Zero for a tombstone.
  var createRevision: Int64
  /// Zero for a tombstone.
  var version: Int64

  var isTombstone: Bool { version == 0 }
}

/// The superseded versions of one key, oldest first, in chunks that copies share.
///
/// Appending to a copy costs one chunk, however long the history.
struct Past: Sendable {
  private static let chunkLength = 64

  /// Each holds `chunkLength` versions, but the first may hold fewer.
  private var chunks: [[KeyVersion]] = []
  private var tail: [KeyVersion] = []

  var isEmpty: Bool { tail.isEmpty && chunks.isEmpty }

  var count: Int {
    guard let first = chunks.first else { return tail.count }
    return first.count + (chunks.count - 1) * Past.chunkLength + tail.count
  }

  /// *Precondition*: `position < count`.
  subscript(position: Int) -> KeyVersion {
    guard let first = chunks.first else { return tail[position] }
    if position < first.count { return first[position] }
    let (chunk, slot) = (position - first.count).quotientAndRemainder(dividingBy: Past.chunkLength)
    return chunk + 1 < chunks.count ? chunks[chunk + 1][slot] : tail[slot]
  }

  mutating func append(_ version: KeyVersion) {
    if tail.count == Past.chunkLength {
      chunks.append(tail)
      tail = []
    }
    tail.append(version)
  }

  /// How many versions a revision can see.
  func count(atOrBefore revision: Int64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].modRevision <= revision { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// *Precondition*: `length <= count`.
  mutating func removeFirst(_ length: Int) {
    precondition(length <= count, "\(length) of \(count) versions")
    var rest = length
    var whole = 0
    while whole < chunks.count && chunks[whole].count <= rest {
      rest -= chunks[whole].count
      whole += 1
    }
    chunks.removeFirst(whole)
    guard rest > 0 else { return }
    if chunks.isEmpty {
      tail.removeFirst(rest)
    } else {
      chunks[0].removeFirst(rest)
    }
  }
}
