public import Raft
public import Replica

/// The messages that claim what a write makes durable (Raft Figure 2): each waits for its own
/// write, and leaves with the report that it is stored.
public struct PromiseQueue: Sendable {
  /// What one write releases.
  public struct Released: Sendable {
    public var ticket: WriteTicket
    public var envelopes: [PeerEnvelope]
  }

  private var held: [Released] = []
  /// Those before it have left.
  private var head = 0

  public init() {}

  /// Keeps back what rests on the write with this ticket. *Precondition*: writes come in the order
  /// of their tickets.
  public mutating func hold(_ envelopes: [PeerEnvelope], until ticket: WriteTicket) {
    if let last = held.last {
      precondition(
        last.ticket < ticket, "write \(ticket.number) comes after write \(last.ticket.number)")
    }
    guard !envelopes.isEmpty else { return }
    held.append(Released(ticket: ticket, envelopes: envelopes))
  }

  /// What may leave next, now that every write up to `ticket` is durable; `nil`: nothing more.
  public mutating func releaseFirst(through ticket: WriteTicket) -> Released? {
    guard head < held.count, held[head].ticket <= ticket else { return nil }
    let released = held[head]
    head += 1
    if head == held.count {
      held.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 32 && head * 2 > held.count {
      held.removeFirst(head)
      head = 0
    }
    return released
  }
}
