public import NIOCore
internal import NIOHPACK
internal import NIOPosix
internal import Synchronization

/// A gRPC client's connection to one address, by HTTP/2. It ends when the connection ends: making
/// a new one is the owner's matter.
///
/// Confined to its loop, except for what has a lock of its own: `state`, the inbox, the count.
public final class RPCConnection: HTTP2Owner, @unchecked Sendable {
  enum Work: Sendable {
    case call(ClientCall, ClientCall.Action)
  }

  public let eventLoop: any EventLoop
  let settings: ClientSettings
  private(set) var inbox: LoopInbox<Work>!

  private let hold = FlushHold()
  private let sharedState = Mutex(ConnectionState.ready)
  private let callsInFlight = Atomic(0)
  private let onStateChange: @Sendable (ConnectionState) -> Void
  private let authority: String
  /// The headers of the calls, by method.
  private var templates: [String: HeaderTemplate] = [:]
  private var channel: (any Channel)?
  private var http2: HTTP2Handler?
  /// Kept when the server has shown that it speaks HTTP/2, failed when it will not.
  private var ready: EventLoopPromise<Void>?
  private var keepAlive: KeepAlive?
  private var closeReason: String?
  /// Those that the server knows of.
  private var opened = StreamTable<ClientCall>()
  /// Those that wait until the server takes one more, and among them some that have ended.
  private var waiting: CircularBuffer<ClientCall> = []
  private var endedWaiting = 0
  private var deadlines: DeadlineScan!

  private init(
    host: String, port: Int, settings: ClientSettings, eventLoop: any EventLoop,
    onStateChange: @escaping @Sendable (ConnectionState) -> Void
  ) {
    self.eventLoop = eventLoop
    self.settings = settings
    self.onStateChange = onStateChange
    // An IPv6 address stands in brackets before a port (RFC 3986 §3.2.2).
    authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    inbox = LoopInbox(eventLoop: eventLoop) { [weak self] batch in self?.perform(batch) }
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
        connection.gaveUpWaiting()
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
  ///
  /// - Parameter unconsumedLimitBytes: what may wait of messages that were given and not reported
  ///   as `consumed`; beyond it the server is held back. `nil`: no limit.
  public func open(
    _ method: String, metadata: Metadata = Metadata(), timeout: Duration? = nil,
    unconsumedLimitBytes: Int? = nil,
    onEvent: @escaping @Sendable (ClientStreamEvent) -> Void
  ) -> ClientStream {
    let call = ClientCall(
      connection: self, method: method, metadata: metadata, timeout: timeout,
      kind: .stream(onEvent), unconsumedLimitBytes: unconsumedLimitBytes)
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
    var limits = HTTP2Limits()
    limits.headerLimitBytes = settings.headerLimitBytes
    let handler = HTTP2Handler(.client, limits, hold: hold)
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  /// The future completes when the server has spoken.
  private func adopt(_ channel: any Channel) -> EventLoopFuture<Void> {
    let ready = eventLoop.makePromise(of: Void.self)
    do {
      let handler = try channel.pipeline.syncOperations.handler(type: HTTP2Handler.self)
      self.ready = ready
      self.channel = channel
      http2 = handler
      handler.serve(self)
    } catch {
      ready.fail(ConnectFailure.noHTTP2)
    }
    return ready.futureResult
  }

  /// The time-out may come before whoever waits has taken note that the server spoke.
  private func gaveUpWaiting() {
    guard let ready else { return }
    self.ready = nil
    ready.fail(ConnectFailure.timedOut)
    channel?.close(promise: nil)
  }

  private func perform(_ batch: [Work]) {
    hold.hold {
      for case .call(let call, let action) in batch { call.perform(action) }
    }
  }

  // MARK: Calls

  /// Sends the call, now or when the server takes it.
  func begin(_ call: ClientCall) {
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
    waiting.append(call)
    openWaiting()
  }

  private func openWaiting() {
    while !waiting.isEmpty, let http2, http2.core.mayOpen {
      let call = waiting.removeFirst()
      guard call.isWaiting else {
        endedWaiting -= 1
        continue
      }
      let id = http2.core.nextStream
      opened.insert(id, call)
      call.begin(id)
    }
    if http2?.core.isUsedUp == true { become(.parting) }
  }

  func step(_ input: HTTP2Input) {
    http2?.step(input)
  }

  /// What all calls of a method say.
  func template(_ method: String) -> HeaderTemplate {
    if let template = templates[method] { return template }
    let template = HeaderTemplate(
      templates.count,
      [
        (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", authority),
        ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "quorate"),
      ])
    templates[method] = template
    return template
  }

  /// Called once for each call that was admitted.
  func ended(wasOpen: Bool) {
    callsInFlight.subtract(1, ordering: .relaxed)
    guard !wasOpen else { return }
    endedWaiting += 1
    if endedWaiting > 64 && endedWaiting * 2 > waiting.count {
      waiting.removeAll { !$0.isWaiting }
      endedWaiting = 0
    }
  }

  private func expireCalls(_ now: NIODeadline) -> NIODeadline? {
    for call in opened.values + waiting { call.expire(now) }
    return (opened.values + waiting).filter { !$0.isEnded }.compactMap(\.deadline).min()
  }

  // MARK: What happens

  func handle(_ event: HTTP2Event) {
    switch event {
    case .headers(let id, let headers, let isLast): opened[id]?.received(headers, isLast: isLast)
    case .data(let id, let bytes, let isLast): opened[id]?.received(bytes, isLast: isLast)
    case .sent(let id, let bytes): opened[id]?.sent(bytes)
    case .closed(let id, let end):
      opened.remove(id)?.closed(end)
      openWaiting()
      closeWhenDone()
    case .settings:
      spoke()
      openWaiting()
    case .goAway(let code, let text):
      if code != .noError { closeReason = "the server ended the connection: \(code) \(text)" }
      become(.parting)
    case .failed(let failure):
      http2?.closeAfterWriting("\(failure.code): \(failure.reason)")
    case .ping, .pingAnswer:
      break
    }
  }

  private func spoke() {
    guard let ready else { return }
    self.ready = nil
    ready.succeed()
    guard let interval = settings.keepAliveInterval else { return }
    let keepAlive = KeepAlive(
      eventLoop: eventLoop, interval: interval, timeout: settings.keepAliveTimeout,
      ping: { [weak self] in self?.step(.ping(1)) },
      giveUp: { [weak self] in
        self?.closeReason = "the server no longer answers"
        self?.channel?.close(promise: nil)
      })
    keepAlive.start()
    self.keepAlive = keepAlive
  }

  func sawRead() {
    keepAlive?.sawRead()
  }

  func disconnected(_ reason: String?) {
    keepAlive?.stop()
    keepAlive = nil
    http2 = nil
    ready?.fail(ConnectFailure.noHTTP2)
    ready = nil
    become(.closed(closeReason ?? reason ?? "the server closed the connection"))
    let calls = opened.values + waiting
    opened = StreamTable()
    waiting = []
    for call in calls { call.lost() }
  }

  private func closeWhenDone() {
    if case .parting = state, opened.count == 0 { channel?.close(promise: nil) }
  }

  /// A state never goes back: once closed, the first reason stays.
  private func become(_ new: ConnectionState) {
    let changed = sharedState.withLock { state in
      if case .closed = state { return false }
      guard state != new else { return false }
      state = new
      return true
    }
    guard changed else { return }
    switch new {
    case .ready: break
    case .parting: part()
    case .closed: deadlines.stop()
    }
    onStateChange(new)
  }

  /// What was never sent ends now; what was, may end in peace.
  private func part() {
    let unsent = waiting
    waiting = []
    for call in unsent where call.isWaiting {
      call.endUnsent(RPCStatus(.unavailable, "the server is about to close the connection"))
    }
    closeWhenDone()
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
