public import KeyValue

/// Batches on their way from the apply lane to the watches of one client loop.
///
/// Bounded in bytes: what does not fit is lost, and the loss shows. Watches find what they missed
/// in the store, so a loop that is slow neither holds apply up nor makes memory grow.
public struct ChangeFeed: Sendable {
  private let limitBytes: Int
  private var waiting: [ChangeBatch] = []
  private var bytes = 0
  /// Everything from the first batch that was lost up to here was lost.
  private var lostThrough: Int64?

  /// `limitBytes`: rows that may wait; one batch may be larger.
  public init(limitBytes: Int = 16 << 20) {
    precondition(limitBytes > 0, "a feed of \(limitBytes) bytes")
    self.limitBytes = limitBytes
  }

  public var isEmpty: Bool { waiting.isEmpty && lostThrough == nil }

  /// Takes a batch in, or notes its loss. After a loss everything is lost until the next `drain`:
  /// a batch must not seem to follow on what is missing.
  public mutating func offer(_ batch: ChangeBatch) {
    let size = batch.memoryBytes
    if lostThrough == nil, waiting.isEmpty || bytes + size <= limitBytes {
      waiting.append(batch)
      bytes += size
    } else {
      lostThrough = batch.through
    }
  }

  /// Everything that waits, in order. A loss shows as a batch that begins after the one before.
  public mutating func drain() -> [ChangeBatch] {
    var batches = waiting
    if let lost = lostThrough { batches.append(ChangeBatch(after: lost, through: lost)) }
    (waiting, bytes, lostThrough) = ([], 0, nil)
    return batches
  }
}
