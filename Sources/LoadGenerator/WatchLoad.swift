public import QuorateClient
import EtcdAPI
import Foundation
import NIOCore
import NIOPosix
import RPC
import Synchronization

/// Watchers of one prefix and writers below it: how many events a second reach their watchers, and
/// how late.
public struct WatchLoad: Sendable {
  public var endpoints: [Endpoint]
  /// Each gets every event.
  public var watchers = 100
  /// Streams that the watchers share.
  public var streams = 10
  public var connections = 10
  /// Puts, each one event.
  public var events = 1_000
  public var valueBytes = 256
  /// Puts under way at a time.
  public var writers = 10
  /// Puts a second on a timetable; `nil`: as fast as they are answered.
  public var rate: Double?
  public var timeout = Duration.seconds(60)

  /// *Precondition*: at least one endpoint.
  public init(endpoints: [Endpoint]) {
    precondition(!endpoints.isEmpty, "a load needs an endpoint")
    self.endpoints = endpoints
  }

  static let prefix = "watch-load/"

  /// *Throws* in one sentence what is wrong with it.
  public func check() throws(Load.Failure) {
    let counts = [
      ("watchers", watchers), ("streams", streams), ("connections", connections),
      ("events", events), ("writers", writers),
    ]
    for (name, count) in counts where count < 1 {
      throw .malformed("\(name) must be at least 1, not \(count)")
    }
    guard streams <= watchers, connections <= streams else {
      throw .malformed("no more streams than watchers, and no more connections than streams")
    }
    guard valueBytes >= WatchTally.stampBytes else {
      throw .malformed("a value has at least \(WatchTally.stampBytes) bytes: its time is in it")
    }
    if let rate, !(rate > 0 && rate <= 1_000_000) {
      throw .malformed("the rate must be above 0 and at most 1,000,000 a second")
    }
  }

  /// Opens the watches, waits until all stand, writes, and waits for the last event.
  public func run() async throws(Load.Failure) -> WatchLoadReport {
    try check()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let tally = WatchTally(self)
    var lines: [RPCConnection] = []
    for number in 0...connections {
      let endpoint = endpoints[number % endpoints.count]
      do throws(ConnectFailure) {
        lines.append(
          try await RPCConnection.connect(host: endpoint.host, port: endpoint.port, on: loop))
      } catch {
        try? await group.shutdownGracefully()
        throw .unreachable("\(endpoint): \(error)")
      }
    }
    for number in 0..<streams {
      open(on: lines[number % connections], watches: share(of: number), tally)
    }
    let failure: String? = await tally.untilCreated(timeout)
    if failure == nil {
      await write(over: lines[connections], tally)
      await tally.untilDone(timeout)
    }
    for line in lines { await line.close() }
    try? await group.shutdownGracefully()
    if let failure { throw .unreachable(failure) }
    return tally.report
  }

  private func share(of stream: Int) -> Int {
    watchers / streams + (stream < watchers % streams ? 1 : 0)
  }

  private func open(on connection: RPCConnection, watches: Int, _ tally: WatchTally) {
    let stream = connection.open(EtcdMethod.Watch.watch) { event in
      switch event {
      case .message(let message): tally.take(message)
      case .ended(let outcome): tally.ended(outcome.status)
      case .metadata, .writable: break
      }
    }
    let create = EtcdWatchRequest.make {
      $0.createRequest = .make {
        $0.key = Data(Self.prefix.utf8)
        $0.rangeEnd = Data("watch-load0".utf8)
      }
    }
    let bytes = create.encodedBytes
    for _ in 0..<watches { _ = stream.send(bytes) }
  }

  private func write(over connection: RPCConnection, _ tally: WatchTally) async {
    let (load, clock) = (self, ContinuousClock())
    let start = clock.now
    tally.begin()
    await withTaskGroup { tasks in
      for writer in 0..<writers {
        tasks.addTask {
          for number in stride(from: writer, to: load.events, by: load.writers) {
            if let rate = load.rate {
              try? await clock.sleep(until: start + .seconds(Double(number) / rate))
            }
            let outcome = await connection.call(
              EtcdMethod.KV.put, load.put(number).encodedBytes, timeout: load.timeout)
            if outcome.status.code != .ok { tally.noteFailure(outcome.status.message) }
          }
        }
      }
    }
  }

  private func put(_ number: Int) -> EtcdPutRequest {
    .make {
      $0.key = Data((Self.prefix + String(number % 1_000)).utf8)
      let stamp = String(NIODeadline.now().uptimeNanoseconds)
      let zeros = String(repeating: "0", count: WatchTally.stampBytes - stamp.utf8.count)
      $0.value = Data((zeros + stamp).utf8) + Data(count: valueBytes - WatchTally.stampBytes)
    }
  }
}

/// What a load of watches measured.
public struct WatchLoadReport: Sendable {
  /// From the first put to the last event at the last watcher.
  public var elapsed = Duration.zero
  /// An event counts for each watcher that it reached.
  public var events = 0
  public var answers = 0
  /// From the sending of a put to an event of it, in nanoseconds.
  public var delays = LatencyHistogram()
  public var errors: [String: Int] = [:]

  public init() {}

  public var perSecond: Double {
    elapsed > .zero ? Double(events) / (elapsed / .seconds(1)) : 0
  }
}

/// Counts what comes in, on one loop, and tells when all has come.
final class WatchTally: Sendable {
  /// A put's instant, in decimal digits, begins its value.
  static let stampBytes = 20

  private struct State {
    var created = 0
    var report = WatchLoadReport()
    var startedAt: UInt64 = 0
    var ended: String?
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let watchers: Int
  private let expected: Int
  private let state = Mutex(State())

  init(_ load: WatchLoad) {
    watchers = load.watchers
    expected = load.watchers * load.events
  }

  var report: WatchLoadReport { state.withLock { $0.report } }

  func begin() { state.withLock { $0.startedAt = NIODeadline.now().uptimeNanoseconds } }

  func noteFailure(_ text: String) { state.withLock { $0.report.errors[text, default: 0] += 1 } }

  func ended(_ status: RPCStatus) {
    resume { $0.ended = $0.ended ?? status.message }
  }

  /// An answer is looked through by hand: the client must not cost more than what it measures.
  func take(_ message: ByteBuffer) {
    let now = NIODeadline.now().uptimeNanoseconds
    let answer = WatchGlance(message)
    resume { state in
      if answer.isCreated { state.created += 1 }
      guard !answer.stamps.isEmpty else { return }
      state.report.answers += 1
      state.report.events += answer.stamps.count
      for stamp in answer.stamps { state.report.delays.record(Int64(now) - Int64(stamp)) }
      state.report.elapsed = .nanoseconds(Int64(now - state.startedAt))
    }
  }

  private func resume(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      let before = isComplete(state)
      change(&state)
      guard !before, isComplete(state) else { return nil }
      let waiter = state.waiter
      state.waiter = nil
      return waiter
    }
    waiter?.resume()
  }

  private func isComplete(_ state: State) -> Bool {
    state.ended != nil
      || (state.startedAt == 0 ? state.created >= watchers : state.report.events >= expected)
  }

  /// Why not all watches stand; `nil`: they do.
  func untilCreated(_ timeout: Duration) async -> String? {
    await untilDue(timeout)
    return state.withLock { state in
      state.created >= watchers
        ? nil : state.ended ?? "only \(state.created) of \(watchers) watches were created in time"
    }
  }

  func untilDone(_ timeout: Duration) async {
    await untilDue(timeout)
    state.withLock { state in
      let missing = expected - state.report.events
      if missing > 0 { state.report.errors[state.ended ?? "not delivered", default: 0] += missing }
    }
  }

  private func takeWaiter() -> CheckedContinuation<Void, Never>? {
    state.withLock { state in
      let waiter = state.waiter
      state.waiter = nil
      return waiter
    }
  }

  private func untilDue(_ timeout: Duration) async {
    let alarm = Task {
      try? await Task.sleep(for: timeout)
      takeWaiter()?.resume()
    }
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let isDue = state.withLock { state in
        if isComplete(state) { return true }
        state.waiter = continuation
        return false
      }
      if isDue { continuation.resume() }
    }
    alarm.cancel()
  }
}
