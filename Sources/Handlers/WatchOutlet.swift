import NIOCore
import RPC

/// One stream of watches on its way out: what the client takes, and what waits for it.
///
/// Confined to the loop of its desk.
struct WatchOutlet {
  let call: StreamCall
  /// The client gives the stream up when nobody leads (gRPC metadata `hasleader`).
  let requiresLeader: Bool
  /// Answers that must not be lost and were not taken, in order: no events but the rest of one
  /// revision in fragments.
  private(set) var backlog: [[UInt8]] = []
  /// Since when the client takes nothing; `nil`: it takes what comes.
  private(set) var blockedAt: NIODeadline?
  /// Something of the pass at hand was returned to the hub: no event may overtake it.
  var hasReturned = false

  init(_ call: StreamCall, requiresLeader: Bool) {
    self.call = call
    self.requiresLeader = requiresLeader
  }

  var isBlocked: Bool { blockedAt != nil }

  /// Sends the first and keeps what is not taken of the others. False: the first was not taken.
  mutating func send(_ messages: [[UInt8]]) -> Bool {
    guard blockedAt == nil else { return false }
    guard call.send(messages[0]) else {
      blockedAt = .now()
      return false
    }
    for message in messages.dropFirst() { sendSurely(message) }
    return true
  }

  /// Sends it now or later.
  mutating func sendSurely(_ message: [UInt8]) {
    if blockedAt == nil {
      if call.send(message) { return }
      blockedAt = .now()
    }
    backlog.append(message)
  }

  /// The client takes again. False: not all that waited.
  mutating func resume() -> Bool {
    blockedAt = nil
    var rest = backlog[...]
    while let message = rest.first, call.send(message) { rest.removeFirst() }
    backlog = Array(rest)
    if !backlog.isEmpty { blockedAt = .now() }
    return backlog.isEmpty
  }
}
