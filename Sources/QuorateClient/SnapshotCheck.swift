import Base
public import EtcdAPI

/// Whether the messages of a snapshot's stream are all of it: the last one is the SHA-256 of those
/// before.
public struct SnapshotCheck: Sendable {
  private var hash = SHA256()
  private var last: [UInt8]?
  private var lastRemaining: UInt64 = 0

  public init() {}

  public mutating func take(_ message: EtcdSnapshotResponse) {
    if let last { hash.update(last) }
    last = [UInt8](message.blob)
    lastRemaining = message.remainingBytes
  }

  public var isWhole: Bool { lastRemaining == 0 && last == hash.finish() }
}
