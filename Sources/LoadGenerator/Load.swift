public import QuorateClient

/// Clients that ask any etcd v3 server again and again: what they ask, how, and for how long.
/// `LoadSession` plays it.
public struct Load: Sendable {
  public enum Operation: String, Sendable, CaseIterable {
    case put
    /// Linearizable.
    case get
    case serializableGet = "get-serializable"
    /// One comparison; every second one reads its key, the others write it.
    case txn
    /// Exactly `limit` keys, by the end of the range. Linearizable.
    case range
    /// The first `limit` keys of a range without an end, and the count of all. Linearizable.
    case page
    /// A lease is granted, a key hung on it, and the lease revoked: three calls, one after the
    /// other, that count as one request.
    case lease
    /// Puts every key once, a hundred a transaction: fills a store before it is measured.
    case load
  }

  public enum Order: String, Sendable {
    case random
    case sequential
  }

  /// When a load ends.
  public enum Extent: Sendable, Equatable {
    case requests(Int)
    /// No request begins later.
    case time(Duration)
  }

  public var operation: Operation
  public var endpoints: [Endpoint]
  /// At most so many requests are under way.
  public var clients = 100
  /// Spread evenly over the endpoints; the clients are spread evenly over them.
  public var connections = 10
  /// Event loops, a thread each; the connections are spread evenly over them.
  public var threads = 1
  public var extent = Extent.requests(20_000)
  /// Requests that are answered before measuring begins.
  public var warmUp = 1_000
  public var valueBytes = 256
  /// What every key begins with.
  public var prefix = "load/"
  public var keyBytes = 20
  /// How many different keys are used.
  public var keys = 10_000
  public var order = Order.random
  /// Which random keys: the n-th request of a seed is always the same.
  public var seed: UInt64 = 1
  /// Keys of a `range` or a `page`.
  public var limit = 100
  /// Requests a second, begun on a timetable whatever the server does, in all. `nil`: a closed
  /// loop, in which each client sends its next request when its last one was answered.
  public var rate: Double?
  /// How long an answer may take.
  public var timeout = Duration.seconds(10)

  /// Puts of one transaction of `load`.
  public static let batch = 100

  /// *Precondition*: at least one endpoint.
  public init(operation: Operation, endpoints: [Endpoint]) {
    precondition(!endpoints.isEmpty, "a load needs an endpoint")
    self.operation = operation
    self.endpoints = endpoints
  }

  /// A load that cannot be played.
  public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// It makes no sense.
    case malformed(String)
    /// An endpoint does not answer.
    case unreachable(String)

    public var description: String {
      switch self {
      case .malformed(let text), .unreachable(let text): text
      }
    }
  }

  /// The shortest key that tells all `keys` apart.
  public var shortestKeyBytes: Int { prefix.utf8.count + String(keys).utf8.count }

  /// *Throws* in one sentence what is wrong with it.
  public func check() throws(Failure) {
    let counts = [
      ("clients", clients), ("connections", connections), ("threads", threads), ("keys", keys),
      ("limit", limit),
    ]
    for (name, count) in counts where count < 1 {
      throw .malformed("\(name) must be at least 1, not \(count)")
    }
    for (name, count) in [("warm-up", warmUp), ("value size", valueBytes)] where count < 0 {
      throw .malformed("\(name) must not be below 0, and is \(count)")
    }
    guard !prefix.isEmpty else { throw .malformed("keys must begin with something") }
    guard keyBytes >= shortestKeyBytes else {
      throw .malformed(
        "\(keys) keys need a key size of at least \(shortestKeyBytes), not \(keyBytes)")
    }
    switch extent {
    case .requests(let total) where total < 1:
      throw .malformed("the total must be at least 1, not \(total)")
    case .time(let time) where time <= .zero:
      throw .malformed("the time must be above 0")
    case .requests, .time: break
    }
    if operation == .range, limit > keys {
      throw .malformed("a range of \(limit) keys does not fit into \(keys) keys")
    }
    if let rate, !(rate > 0 && rate <= 10_000_000) {
      throw .malformed("the rate must be above 0 and at most 10,000,000 a second")
    }
    guard timeout > .zero else { throw .malformed("the time-out must be above 0") }
  }
}
