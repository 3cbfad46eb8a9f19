import Base
import EtcdAPI
import Host
import KeyValue
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The watch lane of one client loop, on that loop.
///
/// Confined to its loop.
final class WatchHandler: @unchecked Sendable {
  let loop: any EventLoop
  /// The place of its loop among the client loops.
  private let number: Int
  private let metrics: Metrics
  private let inboxes: MemberInboxes
  private var lane: WatchLane<WatchHost>
  private var host: WatchHost
  private var output = WatchLaneOutput()
  /// What a client does while a turn goes on waits here for the next.
  private var letters: [WatchLetter] = []
  private var isAtWork = false
  private var lastStream: UInt64 = 0
  private var timer: Scheduled<Void>?
  private var timerAt = Instant.distantFuture
  /// As the metrics have it.
  private var shown = (streams: 0, watches: 0, lagging: 0)

  init(_ context: ClientContext) {
    let settings = context.settings
    number = context.number
    loop = context.loop
    metrics = context.metrics
    inboxes = context.inboxes
    lane = WatchLane(
      settings: settings.watches,
      // etcd v3rpc/interceptor.go, `maxNoLeaderCnt`.
      leaderlessLimit: settings.replica.raft.electionTimeout * 3)
    // etcd v3rpc/watch.go, `maxRequestBytes`.
    host = WatchHost(
      published: context.published, fragmentBytes: settings.requests.requestBytes + 512 * 1024)
  }

  // MARK: In

  /// On the loop: a client opens a stream of watches.
  func open(_ call: StreamCall) -> (StreamEvent) -> Void {
    lastStream += 1
    let id = WatchStreamID(lastStream)
    host.calls.add(call, id)
    let requiresLeader = call.context.metadata.first("hasleader") == "true"
    take(.open(id, requiresLeader: requiresLeader))
    return { [weak self] event in self?.take(event, on: id) }
  }

  private func take(_ event: StreamEvent, on id: WatchStreamID) {
    switch event {
    case .message(let message): take(message, on: id)
    // As in etcd: who has nothing more to ask may still listen.
    case .halfClosed: break
    case .writable: take(.writable(id))
    case .cancelled:
      host.calls.remove(id)
      take(.gone(id))
    }
  }

  private func take(_ message: ByteBuffer, on id: WatchStreamID) {
    do throws(EtcdStatus) {
      switch try WatchService.order(body: Array(message.readableBytesView)) {
      case .create(let request): take(.order(id, .create(request)))
      case .cancel(let watch): take(.order(id, .cancel(watch: watch)))
      case .progress: take(.order(id, .progress))
      case .nothing: break
      }
    } catch {
      host.calls.note(error, of: id)
      take(.order(id, .malformed))
    }
  }

  /// On the loop: what was applied, in order.
  func take(_ batches: [ChangeBatch]) {
    guard !batches.isEmpty else { return }
    for batch in batches { letters.append(.changed(batch)) }
    work()
  }

  /// On the loop: a client, another thread or the member's end has something to tell.
  func take(_ letter: WatchLetter) {
    letters.append(letter)
    work()
  }

  // MARK: The lane

  private func work() {
    guard !isAtWork else { return }
    isAtWork = true
    repeat {
      let batch = letters
      letters = []
      lane.turn(batch, at: MonotonicClock.now(), ports: &host, out: &output)
      deliver()
    } while !letters.isEmpty
    isAtWork = false
  }

  private func deliver() {
    if let isListening = output.isListening {
      inboxes.apply.post(.listen(loop: number, isListening))
    }
    if let (request, view) = output.read {
      inboxes.reads.post(.changes(request, view, loop: number))
    }
    if output.wantsView { inboxes.apply.post(.show(.watches(loop: number))) }
    setTimer(output.wakeAt)
    show()
    output.removeAll()
  }

  private func show() {
    if output.sentEvents > 0 { metrics.watchEvents.add(UInt64(output.sentEvents)) }
    if output.stalledStreams > 0 {
      metrics.stalledWatchStreams.add(UInt64(output.stalledStreams))
    }
    let now = (streams: lane.streamCount, watches: lane.watchCount, lagging: lane.laggingCount)
    guard now != shown else { return }
    metrics.watchStreams.change(by: now.streams - shown.streams)
    metrics.watches.change(by: now.watches - shown.watches)
    metrics.laggingWatches.change(by: now.lagging - shown.lagging)
    shown = now
  }

  /// A timer that rings early is harmless, so it is only moved forward.
  private func setTimer(_ wakeAt: Instant) {
    guard wakeAt < timerAt else { return }
    timer?.cancel()
    timerAt = wakeAt
    let wait = max(wakeAt - MonotonicClock.now(), .zero)
    timer = loop.scheduleTask(in: TimeAmount(wait)) { [weak self] in
      guard let self else { return }
      timerAt = .distantFuture
      work()
    }
  }

  /// On the loop: the member stops.
  func stop() {
    take(.stop)
    timer?.cancel()
  }
}

/// The calls of one client loop's streams of watches; confined to that loop.
private final class WatchCalls {
  private var calls: [WatchStreamID: StreamCall] = [:]
  /// Why a message could not be read.
  private var errors: [WatchStreamID: EtcdStatus] = [:]

  func add(_ call: StreamCall, _ id: WatchStreamID) { calls[id] = call }

  func note(_ error: EtcdStatus, of id: WatchStreamID) {
    if calls[id] != nil { errors[id] = error }
  }

  func remove(_ id: WatchStreamID) { (calls[id], errors[id]) = (nil, nil) }

  /// Nobody misses what is sent to a client that is gone.
  func send(_ message: [UInt8], on id: WatchStreamID) -> Bool {
    guard let call = calls[id] else { return true }
    return call.send(message)
  }

  func end(_ id: WatchStreamID, _ end: WatchEnd, last: [[UInt8]]) {
    let error = errors[id]
    guard let call = calls.removeValue(forKey: id) else { return }
    errors[id] = nil
    let status: EtcdStatus =
      switch end {
      case .stopped: .stopped
      case .corrupt: .corrupt
      case .noLeader: .noLeader
      case .stalled: .watchStalled
      case .tooManyAnswers: .tooManyRequests
      case .malformed: error ?? .watchUnreadable
      }
    call.finish(RPCStatus(status), last: last)
  }
}

/// The clients of one loop and the published state, as the watch lane reaches them.
private struct WatchHost: WatchPorts {
  let published: PublishedState
  let calls = WatchCalls()
  /// From this size on an answer is split, for who asked for fragments.
  let fragmentBytes: Int

  var revision: Int64 { published.meta.revision }
  var standing: WatchStanding { published.standing }
  func look() -> ReadView? { published.readView }

  func encoding(of changes: WatchChanges) -> WatchEventBytes {
    WatchEventBytes(of: changes, header: published.header)
  }

  func message(_ response: WatchResponse, _ encoding: inout WatchEventBytes) -> [UInt8] {
    WatchService.message(response, encoding.header)
  }

  func offer(
    _ events: WatchEvents, of response: WatchResponse, _ encoding: inout WatchEventBytes
  ) -> WatchOffer<[UInt8]> {
    guard let all = encoding.events(events, published) else { return .notInMemory }
    let parts =
      events.fragment ? WatchAnswer.parts(of: all, limitBytes: fragmentBytes) : [all[...]]
    let messages = parts.indices.map { place in
      WatchAnswer.message(
        encoding.header, revision: response.revision, watch: response.watch,
        events: parts[place], isFragment: place < parts.count - 1)
    }
    guard calls.send(messages[0], on: response.stream) else { return .refused }
    return .taken(events: all.count, rest: messages.dropFirst())
  }

  func send(_ message: [UInt8], on stream: WatchStreamID) -> Bool {
    calls.send(message, on: stream)
  }

  func end(_ stream: WatchStreamID, _ end: WatchEnd, last: [[UInt8]]) {
    calls.end(stream, end, last: last)
  }
}

extension EtcdStatus {
  /// etcd drops what such a client does not read, without a word.
  fileprivate static let watchStalled = Self(
    .resourceExhausted, "quorate: the client does not read its watches")
  fileprivate static let watchUnreadable = Self(
    .invalidArgument, "quorate: the message cannot be read")
}
