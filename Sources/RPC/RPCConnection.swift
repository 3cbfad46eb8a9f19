public import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import NIOPosix
internal import Synchronization

/// A gRPC client's connection to one address, by HTTP/2. It ends when the connection ends: making
/// a new one is the owner's matter.
///
/// Confined to its loop, except for what has a lock of its own: `state`, the inbox, the count.
public final class RPCConnection: @unchecked Sendable {
  enum Work: Sendable {
    case call(ClientCall, ClientCall.Action)
  }

  public let eventLoop: any EventLoop
  let settings: ClientSettings
  /// The pseudo headers that all calls share.
  let requestHeaders: HPACKHeaders
  private(set) var inbox: LoopInbox<Work>!

  private let hold = FlushHold()
  private let sharedState = Mutex(ConnectionState.ready)
  private let callsInFlight = Atomic(0)
  private let onStateChange: @Sendable (ConnectionState) -> Void
  private var channel: (any Channel)?
  private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?
  private var calls: [ObjectIdentifier: ClientCall] = [:]
  private var deadlines: DeadlineScan!

  private init(
    host: String, port: Int, settings: ClientSettings, eventLoop: any EventLoop,
    onStateChange: @escaping @Sendable (ConnectionState) -> Void
  ) {
    self.eventLoop = eventLoop
    self.settings = settings
    self.onStateChange = onStateChange
    // An IPv6 address stands in brackets before a port (RFC 3986 §3.2.2).
    let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    requestHeaders = [":method": "POST", ":scheme": "http", ":authority": authority]
    inbox = LoopInbox(eventLoop: eventLoop) { [weak self] batch in self?.carryOut(batch) }
    deadlines = DeadlineScan(eventLoop: eventLoop) { [weak self] now in self?.expireCalls(now) }
  }

  // MARK: From any thread

  /// Connects, and returns when the server has shown that it speaks HTTP/2.
  ///
  /// `onStateChange` is called on the loop with each state after `.ready`.
  public static func connect(
    host: String, port: Int, settings: ClientSettings = ClientSettings(),
    on eventLoop: any EventLoop,
    onStateChange: @escaping @Sendable (ConnectionState) -> Void = { _ in }
  ) async throws(ConnectFailure) -> RPCConnection {
    let connection = RPCConnection(
      host: host, port: port, settings: settings, eventLoop: eventLoop,
      onStateChange: onStateChange)
    // The bootstrap may race several channels to a host's addresses; only the winner is adopted.
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(TimeAmount(settings.connectTimeout))
      .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try connection.prepare(channel) }
      }
    do {
      let channel = try await bootstrap.connect(host: host, port: port).get()
      let timeout = eventLoop.scheduleTask(in: TimeAmount(settings.connectTimeout)) {
        channel.pipeline.fireUserInboundEventTriggered(ConnectFailure.timedOut)
      }
      defer { timeout.cancel() }
      try await eventLoop.flatSubmit { connection.adopt(channel) }.get()
      return connection
    } catch {
      throw ConnectFailure(error)
    }
  }

  public var state: ConnectionState { sharedState.withLock { $0 } }

  /// Makes one call. The completion is called once, on the loop or, when the call limit is
  /// reached, at once.
  ///
  /// - Parameters:
  ///   - method: `/package.Service/Method`.
  ///   - timeout: nil is no deadline.
  /// - Returns: a closure that gives the call up.
  @discardableResult
  public func call(
    _ method: String, _ message: [UInt8], metadata: Metadata = Metadata(),
    timeout: Duration? = nil, completion: @escaping @Sendable (CallOutcome) -> Void
  ) -> @Sendable () -> Void {
    let call = ClientCall(
      connection: self, method: method, metadata: metadata, timeout: timeout,
      kind: .unary(message, completion))
    guard admit() else {
      completion(CallOutcome(Self.tooManyCalls, .neverSent))
      return {}
    }
    inbox.put(.call(call, .start))
    return { call.cancel() }
  }

  /// Makes one call. A cancelled task gives the call up and gets CANCELLED.
  public func call(
    _ method: String, _ message: [UInt8], metadata: Metadata = Metadata(),
    timeout: Duration? = nil
  ) async -> CallOutcome {
    let cancellation = Mutex<(isCancelled: Bool, cancel: (@Sendable () -> Void)?)>((false, nil))
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let cancel = call(method, message, metadata: metadata, timeout: timeout) {
          continuation.resume(returning: $0)
        }
        let isLate = cancellation.withLock { state in
          state.cancel = cancel
          return state.isCancelled
        }
        if isLate { cancel() }
      }
    } onCancel: {
      let cancel = cancellation.withLock { state in
        state.isCancelled = true
        return state.cancel
      }
      cancel?()
    }
  }

  /// Opens a streaming call. The events are given on the loop, `.ended` last.
  public func open(
    _ method: String, metadata: Metadata = Metadata(), timeout: Duration? = nil,
    onEvent: @escaping @Sendable (ClientStreamEvent) -> Void
  ) -> ClientStream {
    let call = ClientCall(
      connection: self, method: method, metadata: metadata, timeout: timeout,
      kind: .stream(onEvent))
    if admit() {
      inbox.put(.call(call, .start))
    } else {
      onEvent(.ended(CallOutcome(Self.tooManyCalls, .neverSent)))
    }
    return ClientStream(call: call)
  }

  /// Closes at once; calls in flight end with UNAVAILABLE. Returns when it is closed.
  public func close() async {
    let closed = eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
      guard let channel = self.channel else { return self.eventLoop.makeSucceededVoidFuture() }
      channel.close(promise: nil)
      return channel.closeFuture
    }
    try? await closed.get()
  }

  private func admit() -> Bool {
    let count = callsInFlight.add(1, ordering: .relaxed).newValue
    if count <= settings.callLimit { return true }
    callsInFlight.subtract(1, ordering: .relaxed)
    return false
  }

  private static let tooManyCalls = RPCStatus(
    .resourceExhausted, "too many calls in flight on this connection")

  // MARK: On the loop

  private func prepare(_ channel: any Channel) throws {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .enablePush, value: 0),
      HTTP2Setting(parameter: .maxHeaderListSize, value: settings.headerLimitBytes),
      HTTP2Setting(parameter: .initialWindowSize, value: HTTP2Limits.streamWindow),
    ]
    let handler = NIOHTTP2Handler(
      mode: .client, eventLoop: eventLoop,
      connectionConfiguration: HTTP2Limits.applied(to: configuration),
      streamConfiguration: HTTP2Limits.stream,
      inboundStreamInitializer: { $0.close() })
    let guardian = ClientConnectionHandler(settings: settings, eventLoop: eventLoop)
    try channel.pipeline.syncOperations.addHandlers([FlushGate(hold), handler, guardian])
  }

  /// The future completes when the server has spoken.
  private func adopt(_ channel: any Channel) -> EventLoopFuture<Void> {
    do {
      let pipeline = channel.pipeline.syncOperations
      let guardian = try pipeline.handler(type: ClientConnectionHandler.self)
      multiplexer = try pipeline.handler(type: NIOHTTP2Handler.self).syncMultiplexer()
      self.channel = channel
      guardian.serve(self)
      return guardian.ready.futureResult
    } catch {
      return eventLoop.makeFailedFuture(ConnectFailure.noHTTP2)
    }
  }

  private func carryOut(_ batch: [Work]) {
    hold.hold {
      for case .call(let call, let action) in batch { call.perform(action) }
    }
  }

  func open(_ call: ClientCall) {
    calls[ObjectIdentifier(call)] = call
    guard let multiplexer else { preconditionFailure("a call before the connection is there") }
    switch state {
    case .ready: break
    case .parting:
      return call.endUnsent(RPCStatus(.unavailable, "the server is about to close the connection"))
    case .closed(let reason):
      return call.endUnsent(RPCStatus(.unavailable, "not connected: \(reason)"))
    }
    if let deadline = call.deadline {
      guard deadline > .now() else {
        return call.endUnsent(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
      }
      deadlines.add(deadline)
    }
    multiplexer.createStreamChannel(promise: nil) { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(call)
      }
    }
  }

  func ended(_ call: ClientCall) {
    calls.removeValue(forKey: ObjectIdentifier(call))
    callsInFlight.subtract(1, ordering: .relaxed)
    if case .parting = state, calls.isEmpty { channel?.close(promise: nil) }
  }

  private func expireCalls(_ now: NIODeadline) -> NIODeadline? {
    for call in Array(calls.values) { call.expire(now) }
    return calls.values.compactMap(\.deadline).min()
  }

  /// A state never goes back: once closed, the first reason stays.
  func become(_ new: ConnectionState) {
    let changed = sharedState.withLock { state in
      if case .closed = state { return false }
      guard state != new else { return false }
      state = new
      return true
    }
    guard changed else { return }
    switch new {
    case .ready: break
    case .parting: if calls.isEmpty { channel?.close(promise: nil) }
    case .closed: deadlines.stop()
    }
    onStateChange(new)
  }
}

extension ConnectFailure {
  fileprivate init(_ error: any Error) {
    if let failure = error as? ConnectFailure {
      self = failure
    } else if let error = error as? NIOConnectionError {
      if error.connectionErrors.isEmpty {
        self = .unknownHost
      } else {
        self.init(error.connectionErrors[0].error)
      }
    } else if let error = error as? ChannelError, case .connectTimeout = error {
      self = .timedOut
    } else if let error = error as? IOError, SystemError.isRefusal(error.errnoCode) {
      self = .refused
    } else {
      self = .other(String(describing: error))
    }
  }
}
