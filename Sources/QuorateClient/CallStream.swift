public import EtcdAPI
import NIOCore
import RPC
import Synchronization

/// A call of any number of messages either way, at one endpoint. Bounded both ways: a sender waits
/// for a server that does not keep up, and a server is held back by a reader that does not.
///
/// It ends with the server's status, with `cancel`, or with its connection.
public final class CallStream<Request: EtcdMessage, Response: EtcdMessage>: Sendable {
  /// Bytes of messages that may wait for the reader.
  static var unreadLimitBytes: Int { 1 << 20 }

  private struct State {
    var stream: ClientStream?
    var unread: CircularBuffer<ByteBuffer> = []
    var outcome: CallOutcome?
    var reader: CheckedContinuation<Void, Never>?
    var writers: [CheckedContinuation<Void, Never>] = []
    /// How often the server took messages again after it had not.
    var reliefs = 0
  }

  public let endpoint: Endpoint
  private let state = Mutex(State())

  init(
    _ method: String, metadata: [(String, String)], over connection: RPCConnection,
    at endpoint: Endpoint
  ) {
    self.endpoint = endpoint
    var sent = Metadata()
    for (name, value) in metadata { sent.add(name, value) }
    let stream = connection.open(
      method, metadata: sent, unconsumedLimitBytes: Self.unreadLimitBytes
    ) { [weak self] event in self?.take(event) }
    state.withLock { $0.stream = stream }
  }

  deinit { state.withLock { $0.stream }?.cancel() }

  /// Sends one message after those before. False: the call is over, or this task was cancelled.
  public func send(_ request: Request) async -> Bool {
    let body = request.encodedBytes
    while !Task.isCancelled {
      let (stream, reliefs) = state.withLock { ($0.outcome == nil ? $0.stream : nil, $0.reliefs) }
      guard let stream else { break }
      if stream.send(body) { return true }
      await untilWritable(after: reliefs)
    }
    return false
  }

  /// The next message; `nil`: the server ended the call well. One task reads at a time; when it is
  /// cancelled the call is given up.
  public func next() async throws(CallFailure) -> Response? {
    while true {
      let (message, outcome) = state.withLock { ($0.unread.popFirst(), $0.outcome) }
      if let message { return try decode(message) }
      if let outcome {
        guard outcome.status.code != .ok else { return nil }
        throw CallFailure(endpoint, outcome)
      }
      await withTaskCancellationHandler {
        await untilReadable()
      } onCancel: {
        cancel()
      }
    }
  }

  /// No more messages from us; the server may go on with its own.
  public func halfClose() { state.withLock { $0.stream }?.halfClose() }

  /// Gives the call up: `next` then ends with CANCELLED.
  public func cancel() { state.withLock { $0.stream }?.cancel() }

  private func decode(_ message: ByteBuffer) throws(CallFailure) -> Response {
    state.withLock { $0.stream }?.consumed(message.readableBytes)
    do throws(MalformedMessage) {
      return try Response(decoding: Array(message.readableBytesView))
    } catch {
      cancel()
      throw CallFailure(
        endpoint: endpoint, status: EtcdStatus(.internal, "the answer is no \(error.name)"),
        delivery: .maybeSent)
    }
  }

  // MARK: Waiting

  private func untilReadable() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        guard state.unread.isEmpty, state.outcome == nil else { return true }
        precondition(state.reader == nil, "two tasks read one stream")
        state.reader = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
  }

  /// Relief may have come before anybody waits for it: then `reliefs` is out of date.
  private func untilWritable(after reliefs: Int) async {
    await withCheckedContinuation { continuation in
      let isDue = state.withLock { state in
        guard state.outcome == nil, state.reliefs == reliefs else { return true }
        state.writers.append(continuation)
        return false
      }
      if isDue { continuation.resume() }
    }
  }

  /// On the connection's loop.
  private func take(_ event: ClientStreamEvent) {
    let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      switch event {
      case .metadata: return []
      case .message(let message):
        state.unread.append(message)
        return state.reader.take().map { [$0] } ?? []
      case .writable:
        state.reliefs += 1
        defer { state.writers = [] }
        return state.writers
      case .ended(let outcome):
        state.outcome = outcome
        defer { state.writers = [] }
        return state.writers + (state.reader.take().map { [$0] } ?? [])
      }
    }
    for continuation in waiting { continuation.resume() }
  }
}

extension EtcdClient {
  /// Opens a streaming call at one endpoint.
  ///
  /// *Throws* when there is no connection to be had; nothing was sent then.
  public func open<Request: EtcdMessage, Response: EtcdMessage>(
    _ method: String, at endpoint: Endpoint, metadata: [(String, String)] = []
  ) async throws(CallFailure) -> CallStream<Request, Response> {
    let connection = try await connection(to: endpoint)
    return CallStream(method, metadata: metadata, over: connection, at: endpoint)
  }

  func connection(to endpoint: Endpoint) async throws(CallFailure) -> RPCConnection {
    do throws(ConnectFailure) {
      return try await pool.connection(to: endpoint)
    } catch {
      throw CallFailure(
        endpoint: endpoint, status: EtcdStatus(.unavailable, Self.text(error)),
        delivery: .neverSent)
    }
  }
}
