import Dispatch
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// A server with the methods that the tests call, on a port of the system's choice.
struct Stub {
  static let echo = "/stub.Calls/Echo"
  /// Answers from a thread that is no event loop.
  static let echoElsewhere = "/stub.Calls/EchoElsewhere"
  static let fail = "/stub.Calls/Fail"
  /// Answers when `release` is called.
  static let wait = "/stub.Calls/Wait"
  static let echoStream = "/stub.Calls/EchoStream"
  /// Sends as much as it is allowed to, for ever.
  static let flood = "/stub.Calls/Flood"

  let server: RPCServer
  let waiting: Waiting
  let group: any EventLoopGroup

  var port: Int { server.address.port! }

  static func start(
    _ settings: ServerSettings = ServerSettings(),
    group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup
  ) async throws -> Stub {
    let waiting = Waiting()
    let server = try await RPCServer.start(
      host: "127.0.0.1", port: 0, settings: settings, methods: methods(waiting),
      http: { call in
        let request = call.request
        switch (request.method, request.path) {
        case ("GET", "/health"):
          call.answer(
            HTTPResponse(
              status: 200, contentType: "application/json", body: Array(#"{"health":"true"}"#.utf8))
          )
        case ("POST", "/echo"):
          let body = request.body.array
          elsewhere.async {
            call.answer(HTTPResponse(status: 200, contentType: "text/plain", body: body))
          }
        default:
          call.answer(HTTPResponse(status: 404, "no \(request.path) \(request.query ?? "-")\n"))
        }
      }, group: group)
    return Stub(server: server, waiting: waiting, group: group)
  }

  func connect(
    _ settings: ClientSettings = ClientSettings(),
    onStateChange: @escaping @Sendable (ConnectionState) -> Void = { _ in }
  ) async throws -> RPCConnection {
    var settings = settings
    settings.connectTimeout = .seconds(30)
    return try await RPCConnection.connect(
      host: "127.0.0.1", port: port, settings: settings,
      on: group.next(), onStateChange: onStateChange)
  }

  func stop() async {
    await server.shutDown(grace: .zero)
  }

  private static let elsewhere = DispatchQueue(label: "elsewhere")

  private static func methods(_ waiting: Waiting) -> MethodTable {
    var methods = MethodTable()
    methods.unary(echo) { call in
      var trailers = Metadata()
      if let value = call.context.metadata.first("tag") { trailers.add("tag", value) }
      if let bytes = call.context.metadata.firstBytes("tag-bin") {
        trailers.add("tag-bin", bytes: bytes)
      }
      call.answer(call.message.array, trailers: trailers)
    }
    methods.unary(echoElsewhere) { call in
      elsewhere.async { call.answer(call.message.array) }
    }
    methods.unary(fail) { call in
      waiting.noteFailed()
      var trailers = Metadata()
      trailers.add("quorate-why-bin", bytes: [0, 255, 7])
      let status = RPCStatus(.unavailable, "etcdserver: no leader — 100% sure\n")
      call.fail(status, trailers: trailers)
    }
    methods.unary(wait) { waiting.add($0) }
    methods.stream(echoStream) { call in
      { event in
        switch event {
        case .message(let message): _ = call.send(message.array)
        case .halfClosed: call.finish(RPCStatus(.aborted, "that was all"))
        case .writable: break
        case .cancelled: waiting.noteCancelled()
        }
      }
    }
    methods.stream(flood) { call in
      let chunk = [UInt8](repeating: 9, count: 10_000)
      let go = { @Sendable in while call.send(chunk) { waiting.noteSent(chunk.count) } }
      go()
      return { event in
        switch event {
        case .message, .halfClosed: break
        case .writable: go()
        case .cancelled: waiting.noteCancelled()
        }
      }
    }
    return methods
  }
}

/// Calls that a test answers by hand, and what a stream's handler has seen.
final class Waiting: Sendable {
  private struct State {
    var calls: [UnaryCall] = []
    var cancelled = 0
    var sentBytes = 0
    var failed = 0
  }
  private let state = Mutex(State())

  var count: Int { state.withLock { $0.calls.count } }
  var cancelled: Int { state.withLock { $0.cancelled } }
  var sentBytes: Int { state.withLock { $0.sentBytes } }
  var failed: Int { state.withLock { $0.failed } }

  func add(_ call: UnaryCall) { state.withLock { $0.calls.append(call) } }
  func noteCancelled() { state.withLock { $0.cancelled += 1 } }
  func noteFailed() { state.withLock { $0.failed += 1 } }
  func noteSent(_ bytes: Int) { state.withLock { $0.sentBytes += bytes } }

  func release() {
    let calls = state.withLock { state in
      defer { state.calls = [] }
      return state.calls
    }
    for call in calls { call.answer(call.message.array) }
  }
}

/// What a stream's events were, in order.
final class Events: Sendable {
  private let events = Mutex<[ClientStreamEvent]>([])

  func add(_ event: ClientStreamEvent) { events.withLock { $0.append(event) } }

  var messages: [[UInt8]] {
    events.withLock {
      $0.compactMap {
        if case .message(let bytes) = $0 { bytes.array } else { nil }
      }
    }
  }
  var outcome: CallOutcome? {
    events.withLock {
      for case .ended(let outcome) in $0 { return outcome }
      return nil
    }
  }
  var lastIsOutcome: Bool {
    events.withLock { if case .ended? = $0.last { true } else { false } }
  }
}

/// Waits until the condition holds, for at most ten seconds.
func eventually(
  _ what: String, _ condition: @Sendable () -> Bool,
  sourceLocation: SourceLocation = #_sourceLocation
) async {
  let clock = ContinuousClock()
  let deadline = clock.now.advanced(by: .seconds(10))
  while !condition() {
    guard clock.now < deadline else {
      Issue.record("\(what): not within ten seconds", sourceLocation: sourceLocation)
      return
    }
    // Others need the processor to make it true.
    try? await Task.sleep(for: .milliseconds(1))
  }
}

extension CallOutcome {
  var bytes: [UInt8]? { message.map(\.array) }
}

extension ByteBuffer {
  /// The readable bytes, copied at once: a collection's walk is slow in a debug build.
  var array: [UInt8] { getBytes(at: readerIndex, length: readableBytes) ?? [] }
}
