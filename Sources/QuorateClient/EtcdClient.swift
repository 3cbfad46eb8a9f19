public import EtcdAPI
import NIOCore
import RPC
import Synchronization

/// How long a client waits.
public struct ClientOptions: Hashable, Sendable {
  /// For one connection to stand (etcdctl `--dial-timeout`).
  public var dialTimeout = Duration.seconds(2)
  /// For a call, all its attempts together (etcdctl `--command-timeout`).
  public var callTimeout = Duration.seconds(5)

  public init() {}
}

/// An answer, and what the member that gave it says of its state's age.
public struct Reply<Message: EtcdMessage>: Sendable {
  public var message: Message
  public var endpoint: Endpoint
  /// Of a serializable read: the state is at most this old. `nil`: not told.
  public var age: Duration?
  /// How many revisions the member knows itself to be behind. `nil`: not told.
  public var revisionsBehind: Int64?
}

/// A client of any etcd v3 server. It begins with the endpoint that answered last and moves to
/// another only when that cannot do a write twice (`RetryRule`).
public final class EtcdClient: Sendable {
  public let endpoints: [Endpoint]
  public let options: ClientOptions
  let pool: ConnectionPool
  /// Where in `endpoints` the next call begins.
  private let preferred = Mutex(0)

  /// *Precondition*: at least one endpoint.
  public init(endpoints: [Endpoint], options: ClientOptions = ClientOptions()) {
    precondition(!endpoints.isEmpty, "a client without endpoints")
    self.endpoints = endpoints
    self.options = options
    var settings = ClientSettings()
    settings.connectTimeout = options.dialTimeout
    pool = ConnectionPool(settings: settings)
  }

  var preferredPlace: Int { preferred.withLock { $0 } }

  /// Closes the connections. Calls that come later make new ones.
  public func close() async { await pool.close() }

  /// One call, at any of the endpoints.
  ///
  /// A refusal that passes by itself (a leader that is just changing) is met with up to two more
  /// rounds through the endpoints, as long as there is time.
  public func call<Request: EtcdMessage, Response: EtcdMessage>(
    _ method: String, _ request: Request, _ access: RetryRule.Access,
    metadata: [(String, String)] = []
  ) async throws(ClientError) -> Reply<Response> {
    let deadline = ContinuousClock.now + options.callTimeout
    let body = request.encodedBytes
    var failures: [CallFailure] = []
    for round in 0..<3 {
      if round > 0 {
        guard await pause(.milliseconds(50 * round), before: deadline) else { break }
        failures = []
      }
      let first = preferred.withLock { $0 }
      for offset in endpoints.indices {
        let place = (first + offset) % endpoints.count
        do throws(CallFailure) {
          let reply: Reply<Response> = try await attempt(
            method, body, at: endpoints[place], metadata, until: deadline)
          preferred.withLock { $0 = place }
          return reply
        } catch {
          if let final = Self.final(access, error) { throw final }
          failures.append(error)
        }
      }
      guard failures.contains(where: { $0.why?.rule == .leaderChanged }) else { break }
    }
    throw Self.summary(failures)
  }

  /// One call at one endpoint, whatever the others might say.
  public func call<Request: EtcdMessage, Response: EtcdMessage>(
    _ method: String, _ request: Request, at endpoint: Endpoint
  ) async throws(ClientError) -> Reply<Response> {
    do throws(CallFailure) {
      return try await attempt(
        method, request.encodedBytes, at: endpoint, [],
        until: ContinuousClock.now + options.callTimeout)
    } catch {
      throw Self.final(.read, error) ?? Self.summary([error])
    }
  }

  private func attempt<Response: EtcdMessage>(
    _ method: String, _ body: [UInt8], at endpoint: Endpoint, _ metadata: [(String, String)],
    until deadline: ContinuousClock.Instant
  ) async throws(CallFailure) -> Reply<Response> {
    let connection = try await connection(to: endpoint)
    var sent = Metadata()
    for (name, value) in metadata { sent.add(name, value) }
    let outcome = await connection.call(
      method, body, metadata: sent, timeout: deadline - ContinuousClock.now)
    guard outcome.status.code == .ok, let message = outcome.message else {
      throw CallFailure(endpoint, outcome)
    }
    do throws(MalformedMessage) {
      return Reply(
        message: try Response(decoding: Array(message.readableBytesView)), endpoint: endpoint,
        age: Self.number(QuorateMetadata.age, outcome).map { .milliseconds($0) },
        revisionsBehind: Self.number(QuorateMetadata.revisionsBehind, outcome))
    } catch {
      let text = "the answer is no \(error.name)"
      throw CallFailure(
        endpoint: endpoint, status: EtcdStatus(.internal, text), delivery: .maybeSent)
    }
  }

  /// False: there is no time left for it.
  private func pause(_ pause: Duration, before deadline: ContinuousClock.Instant) async -> Bool {
    guard ContinuousClock.now + pause < deadline else { return false }
    do {
      try await Task.sleep(for: pause)
      return true
    } catch {
      return false
    }
  }

  /// `nil`: another endpoint may be tried.
  private static func final(
    _ access: RetryRule.Access, _ failure: CallFailure
  ) -> ClientError? {
    switch RetryRule.verdict(access, failure) {
    case .tryElsewhere: nil
    case .refused: .refused(failure)
    case .answered: .server(failure)
    case .outcomeUnknown: .outcomeUnknown(failure)
    case .timedOut: .timedOut(failure)
    }
  }

  /// What a member said tells more than that another could not be reached, and a reason more than
  /// a bare status. *Precondition*: there is at least one failure.
  static func summary(_ failures: [CallFailure]) -> ClientError {
    precondition(!failures.isEmpty, "a call failed and no attempt did")
    if let reasoned = failures.last(where: { $0.why != nil }) { return .refused(reasoned) }
    if let answered = failures.last(where: { $0.delivery != .neverSent }) {
      return .refused(answered)
    }
    return .unreachable(failures)
  }

  /// Both metadata and trailers: a server may learn the age before or after its answer.
  private static func number(_ name: String, _ outcome: CallOutcome) -> Int64? {
    (outcome.trailers.first(name) ?? outcome.metadata.first(name)).flatMap { Int64($0) }
  }

  static func text(_ failure: ConnectFailure) -> String {
    switch failure {
    case .refused: "connection refused"
    case .timedOut: "no connection in time"
    case .unknownHost: "unknown host"
    case .noHTTP2: "no gRPC server"
    case .other(let text): text
    }
  }
}

extension CallFailure: Error {
  init(_ endpoint: Endpoint, _ outcome: CallOutcome) {
    let delivery: Delivery =
      switch outcome.delivery {
      case .answered: .answered
      case .neverSent: .neverSent
      case .maybeSent: .maybeSent
      }
    self.init(
      endpoint: endpoint,
      status: EtcdStatus(
        EtcdStatus.Code(rawValue: outcome.status.code.rawValue) ?? .unknown,
        outcome.status.message),
      delivery: delivery,
      why: outcome.trailers.firstBytes(QuorateMetadata.why).flatMap { Why(encoded: $0) })
  }
}
