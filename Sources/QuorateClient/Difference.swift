public import EtcdAPI
public import Foundation

/// What a range of keys holds now that it did not hold at an earlier revision.
public struct Difference: Sendable {
  public struct Change: Sendable, Equatable {
    public var key: Data
    /// As of the earlier revision; `nil`: there was no such key.
    public var old: EtcdKeyValue?
    /// As of the later one; `nil`: there is no such key any more.
    public var new: EtcdKeyValue?

    public init(key: Data, old: EtcdKeyValue?, new: EtcdKeyValue?) {
      self.key = key
      self.old = old
      self.new = new
    }
  }

  /// The store held the left side at `since`, and the right side at `revision`.
  public var since: Int64
  public var revision: Int64
  /// In the order of the keys.
  public var changes: [Change] = []

  public init(since: Int64, revision: Int64) {
    self.since = since
    self.revision = revision
  }
}

extension EtcdClient {
  /// Compares a range of keys as of `since` with the range as of now. A key that was deleted and
  /// made again has changed, whatever its value is.
  ///
  /// Both sides are read at fixed revisions in pages, so that writes meanwhile change nothing: the
  /// names of all keys, and the pairs of those alone that differ.
  ///
  /// *Throws* `ClientError.server` with `EtcdStatus.compacted` when `since` is forgotten already.
  public func difference(
    of key: Data, to end: Data, since: Int64
  ) async throws(ClientError) -> Difference {
    let now = try await range(
      .make {
        ($0.key, $0.rangeEnd) = (key, end)
        $0.countOnly = true
      }
    ).message.header.revision
    var difference = Difference(since: since, revision: now)
    let before = try await heads(of: key, to: end, at: since)
    let after = try await heads(of: key, to: end, at: now)
    var differing: [Data] = []
    for (key, revision) in after where before[key] != revision { differing.append(key) }
    for key in before.keys where after[key] == nil { differing.append(key) }
    differing.sort { $0.lexicographicallyPrecedes($1) }
    for start in stride(from: 0, to: differing.count, by: Self.pairsOfPage) {
      let keys = Array(differing[start..<min(start + Self.pairsOfPage, differing.count)])
      let old = try await pairs(keys, at: since)
      let new = try await pairs(keys, at: now)
      for (place, key) in keys.enumerated() {
        difference.changes.append(.init(key: key, old: old[place], new: new[place]))
      }
    }
    return difference
  }

  private static let headsOfPage: Int64 = 10_000
  /// Half of what a transaction may hold.
  private static let pairsOfPage = 64

  /// Which keys there are, and when each was changed last.
  private func heads(
    of key: Data, to end: Data, at revision: Int64
  ) async throws(ClientError) -> [Data: Int64] {
    var heads: [Data: Int64] = [:]
    var request = EtcdRangeRequest.make {
      ($0.key, $0.rangeEnd) = (key, end)
      $0.revision = revision
      $0.keysOnly = true
      $0.limit = Self.headsOfPage
    }
    while true {
      let page = try await range(request).message
      for pair in page.kvs { heads[pair.key] = pair.modRevision }
      guard page.more, let last = page.kvs.last else { return heads }
      // The next key there can be.
      request.key = last.key + Data([0])
    }
  }

  private func pairs(
    _ keys: [Data], at revision: Int64
  ) async throws(ClientError) -> [EtcdKeyValue?] {
    let request = EtcdTxnRequest.make {
      $0.success = keys.map { key in
        .make {
          $0.requestRange = .make {
            $0.key = key
            $0.revision = revision
          }
        }
      }
    }
    return try await txn(request).message.responses.map { $0.responseRange.kvs.first }
  }
}
