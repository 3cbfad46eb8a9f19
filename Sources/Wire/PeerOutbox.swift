import Raft
public import Replica

/// Messages on their way out of one control connection, in two lanes: what is short and urgent
/// passes between the pieces of what is long, so that a heartbeat never waits for a large append.
public struct PeerOutbox: Sendable {
  public let limits: WireLimits
  /// The newest protocol that the peer speaks; what needs a later one is not sent.
  public var peerProtocol = Hello.newestProtocol
  /// Frames, ready to leave.
  private var urgent: [UInt8] = []
  /// Messages in order; those before `next` have left.
  private var bulk: [PeerMessage] = []
  private var next = 0
  private var current: MessagePieces?
  /// About what `bulk` and `current` will take.
  private var bulkBytes = 0
  private var lastNumber: UInt64 = 0

  public init(limits: WireLimits = WireLimits()) { self.limits = limits }

  public var isEmpty: Bool { urgent.isEmpty && next == bulk.count && current == nil }

  /// About how many bytes wait.
  public var byteCount: Int { urgent.count + bulkBytes + (current?.remainingBytes ?? 0) }

  /// Takes a message in, or passes over one that the peer does not know; false: there is no room,
  /// and it was dropped, as a network may.
  @discardableResult
  public mutating func enqueue(_ message: PeerMessage) -> Bool {
    guard message.protocolNeeded <= peerProtocol else { return true }
    let estimate = message.byteEstimate
    guard byteCount + estimate <= limits.outboxBytes, estimate <= limits.messageBytes else {
      return false
    }
    if message.isUrgent && estimate <= limits.frameBytes {
      Frame.message(message).encode(into: &urgent, limits: limits)
    } else {
      bulk.append(message)
      bulkBytes += estimate
    }
    return true
  }

  /// Moves frames to `bytes`, at least one if any waits, until `bytes` holds `limitBytes` or more.
  public mutating func drain(into bytes: inout [UInt8], limitBytes: Int) {
    bytes += urgent
    urgent.removeAll(keepingCapacity: true)
    var isFirst = bytes.isEmpty
    while isFirst || bytes.count < limitBytes {
      isFirst = false
      guard var pieces = current ?? takeNext() else { break }
      current = pieces.append(to: &bytes) ? pieces : nil
    }
    if next == bulk.count {
      bulk.removeAll(keepingCapacity: true)
      next = 0
    } else if next > 1024 && next > bulk.count / 2 {
      bulk.removeFirst(next)
      next = 0
    }
  }

  private mutating func takeNext() -> MessagePieces? {
    guard next < bulk.count else { return nil }
    let message = bulk[next]
    next += 1
    bulkBytes -= message.byteEstimate
    lastNumber += 1
    return MessagePieces(message, number: lastNumber, limits: limits)
  }
}
