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
