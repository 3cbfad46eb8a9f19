import QuorateClient
import NIOCore
import RPC

/// One connection of a load. When it ends, or its endpoint goes away, the next endpoint is tried,
/// and the requests wait for it.
///
/// Confined to its loop.
final class LoadLine: @unchecked Sendable {
  /// How one request ended, and how many bytes it brought. No error: well.
  typealias Completion = @Sendable (_ error: String?, _ bytes: Int) -> Void

  private struct Waiting {
    var method: String
    var message: [UInt8]
    var deadline: NIODeadline
    var completion: Completion
  }

  private static let pause = TimeAmount.milliseconds(5)

  let loop: any EventLoop
  private let endpoints: [Endpoint]
  private let timeout: Duration
  /// Where in `endpoints` the connection leads.
  private var place: Int
  private var connection: RPCConnection?
  private var isConnecting = false
  private var isClosed = false
  private var lastFailure = "not connected"
  /// As many as clients at most.
  private var waiting: [Waiting] = []

  init(_ load: Load, number: Int, connection: RPCConnection) {
    loop = connection.eventLoop
    endpoints = load.endpoints
    timeout = load.timeout
    place = number % load.endpoints.count
    self.connection = connection
  }

  /// The completion is called on the loop, once.
  func send(_ method: String, _ message: [UInt8], _ completion: @escaping Completion) {
    guard let connection, connection.state == .ready else {
      waiting.append(
        Waiting(
          method: method, message: message, deadline: .now() + TimeAmount(timeout),
          completion: completion))
      return reconnect()
    }
    connection.call(method, message, timeout: timeout) { outcome in
      let isGood = outcome.status.code == .ok
      completion(
        isGood ? nil : Self.text(outcome.status), outcome.message?.readableBytes ?? 0)
    }
  }

  /// On the loop. What waits ends unsent.
  func close() -> RPCConnection? {
    isClosed = true
    for request in waiting { request.completion(lastFailure, 0) }
    waiting = []
    return connection
  }

  private func reconnect() {
    guard !isConnecting, !isClosed else { return }
    isConnecting = true
    place = (place + 1) % endpoints.count
    let endpoint = endpoints[place]
    let attempt = loop.makeFutureWithTask { [loop] in
      try await RPCConnection.connect(host: endpoint.host, port: endpoint.port, on: loop)
    }
    attempt.hop(to: loop).whenComplete { result in
      self.isConnecting = false
      switch result {
      case .success(let connection): self.serve(over: connection)
      case .failure(let error): self.failed("\(endpoint): \(error)")
      }
    }
  }

  private func serve(over connection: RPCConnection) {
    self.connection = connection
    let held = waiting
    waiting = []
    for request in held { send(request.method, request.message, request.completion) }
  }

  private func failed(_ text: String) {
    lastFailure = text
    let now = NIODeadline.now()
    let late = waiting.filter { $0.deadline <= now }
    waiting.removeAll { $0.deadline <= now }
    for request in late { request.completion(text, 0) }
    guard !waiting.isEmpty else { return }
    loop.scheduleTask(in: Self.pause) { self.reconnect() }
  }

  private static func text(_ status: RPCStatus) -> String {
    status.message.isEmpty ? "\(status.code)" : status.message
  }
}
