public import EtcdAPI

/// How one attempt at one endpoint failed.
public struct CallFailure: Hashable, Sendable {
  /// What the server may have made of it.
  public enum Delivery: Hashable, Sendable, CaseIterable {
    /// Certainly nothing: the request never left, or was turned away unread.
    case neverSent
    /// Nobody knows: it was under way when the connection or the time ended.
    case maybeSent
    /// The server itself gave the status.
    case answered
  }

  public var endpoint: Endpoint
  public var status: EtcdStatus
  public var delivery: Delivery
  /// The server's reason; `nil`: it gave none, as etcd never does.
  public var why: Why?

  public init(endpoint: Endpoint, status: EtcdStatus, delivery: Delivery, why: Why? = nil) {
    self.endpoint = endpoint
    self.status = status
    self.delivery = delivery
    self.why = why
  }
}

/// How a call failed in the end.
public enum ClientError: Error, Hashable, Sendable {
  /// Nothing was done: it may be sent again at any time. The failure is the most telling of the
  /// endpoints tried.
  case refused(CallFailure)
  /// A write that may have happened, may still happen, or may never.
  case outcomeUnknown(CallFailure)
  /// The answer is no: no other endpoint, and no other time, would say otherwise by itself.
  case server(CallFailure)
  /// None of the endpoints could be reached. Nothing was sent.
  case unreachable([CallFailure])
  /// The time was up, and nothing was done: of a read, or of a write that never left.
  case timedOut(CallFailure)
}
