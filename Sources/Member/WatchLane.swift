public import Base
import KeyValue
import Raft

/// The watches of one client loop: what the hub decides is brought to the streams, and what they do
/// not take goes back to it.
///
/// ```text
///   apply ── batches ──▶ hub ── answers ──▶ streams
///                         ▲ │                  │
///   row reader ── pieces ─┘ └◀── not taken ────┘
/// ```
///
/// In reading order: this file takes letters and sends answers; `+Streams` is which streams are
/// open, and when one is ended.
public struct WatchLane<Ports: WatchPorts> {
  /// One stream on its way out: what the client takes, and what waits for it.
  struct Stream {
    /// The client gives the stream up when nobody leads (gRPC metadata `hasleader`).
    let requiresLeader: Bool
    /// Answers that must not be lost and were not taken, in order: no events but the rest of one
    /// revision in fragments.
    var backlog: [Ports.Message] = []
    /// Since when the client takes nothing; `nil`: it takes what comes.
    var blockedAt: Instant?
    /// Something of the pass at hand was returned to the hub: no event may overtake it.
    var hasReturned = false
  }

  let settings: WatchSettings
  /// Without a leader for so long, a stream that requires one is ended.
  let leaderlessLimit: Duration
  var hub: WatchHub
  var streams: [WatchStreamID: Stream] = [:]
  /// What is to be read as soon as the view is shown.
  private var wanted: ChangeRequest?
  /// When a read that came at the wrong moment is tried again.
  private var retryAt = Instant.distantFuture
  var checkAt = Instant.distantFuture
  var progressAt = Instant.distantFuture
  var isStopped = false

  public init(settings: WatchSettings, leaderlessLimit: Duration) {
    self.settings = settings
    self.leaderlessLimit = leaderlessLimit
    hub = WatchHub(limits: settings.hub)
  }

  public var streamCount: Int { streams.count }
  public var watchCount: Int { hub.watchCount }
  /// Watches that are served from the store, or will be.
  public var laggingCount: Int { hub.laggingCount }

  /// Works through a batch, and does what is due.
  public mutating func turn(
    _ letters: [WatchLetter], at now: Instant, ports: inout Ports, out: inout WatchLaneOutput
  ) {
    for letter in letters { take(letter, now, &ports, &out) }
    if retryAt <= now {
      retryAt = .distantFuture
      step(.read(.failure(.notNow)), .none, now, &ports, &out)
    }
    if checkAt <= now { checkStreams(now, &ports, &out) }
    if progressAt <= now {
      progressAt = now + settings.progressInterval
      step(.progressInterval, .none, now, &ports, &out)
    }
    // Nobody is there whom time could concern.
    if streams.isEmpty { (checkAt, progressAt) = (.distantFuture, .distantFuture) }
    out.wakeAt = min(retryAt, checkAt, progressAt)
  }

  private mutating func take(
    _ letter: WatchLetter, _ now: Instant, _ ports: inout Ports, _ out: inout WatchLaneOutput
  ) {
    switch letter {
    case .open(let id, let requiresLeader): open(id, requiresLeader, now, &ports, &out)
    case .order(let id, let order): perform(order, on: id, now, &ports, &out)
    case .writable(let id):
      if resume(id, now, &ports) { step(.writable(id), .none, now, &ports, &out) }
    case .gone(let id): forget(id, now, &ports, &out)
    case .changed(let batch): step(.changed(batch), .batch(batch), now, &ports, &out)
    case .view(let view):
      guard let request = wanted.take() else { return }
      out.read = (request, view)
    case .read(.success(let piece)):
      step(.read(.success(piece)), .piece(piece), now, &ports, &out)
    case .read(.failure(.compacted(let revision))):
      step(.read(.failure(.compacted(revision))), .none, now, &ports, &out)
    case .read(.failure(.notNow)): retryAt = now + settings.retryPause
    case .stop: stop(now, &ports, &out)
    }
  }

  private mutating func perform(
    _ order: WatchOrder, on id: WatchStreamID, _ now: Instant, _ ports: inout Ports,
    _ out: inout WatchLaneOutput
  ) {
    guard streams[id] != nil else { return }
    let current = ports.revision
    switch order {
    case .create(let request):
      step(.create(id, request, current: current), .none, now, &ports, &out)
    case .cancel(watch: let watch):
      step(.cancel(id, watch: watch, current: current), .none, now, &ports, &out)
    case .progress: step(.askProgress(id, current: current), .none, now, &ports, &out)
    case .malformed: end(id, .malformed, now, &ports, &out)
    }
    if let stream = streams[id], stream.backlog.count > settings.backlogLimit {
      end(id, .tooManyAnswers, now, &ports, &out)
    }
  }

  // MARK: The hub

  mutating func step(
    _ input: WatchInput, _ changes: WatchChanges, _ now: Instant, _ ports: inout Ports,
    _ out: inout WatchLaneOutput
  ) {
    let output = hub.step(input)
    send(output.responses, changes, now, &ports, &out)
    perform(output, ports, &out)
  }

  func isBlocked(_ id: WatchStreamID) -> Bool { streams[id]?.blockedAt != nil }

  mutating func perform(_ output: WatchOutput, _ ports: Ports, _ out: inout WatchLaneOutput) {
    if let isListening = output.isListening { out.isListening = isListening }
    guard let request = output.read else { return }
    if let view = ports.look() {
      out.read = (request, view)
    } else {
      wanted = request
      out.wantsView = true
    }
  }

  /// Sends what the streams take, and gives the rest back to the hub.
  private mutating func send(
    _ responses: [WatchResponse], _ changes: WatchChanges, _ now: Instant, _ ports: inout Ports,
    _ out: inout WatchLaneOutput
  ) {
    guard !responses.isEmpty else { return }
    var encoding = ports.encoding(of: changes)
    var returned: [WatchStreamID: [WatchResponse]] = [:]
    for response in responses {
      let id = response.stream
      guard let stream = streams[id] else { continue }
      let mayPass = !stream.hasReturned && stream.blockedAt == nil
      switch response.content {
      case .events(let events):
        if mayPass, offer(events, of: response, &encoding, now, &ports, &out) { continue }
      case .progress:
        if mayPass, send(ports.message(response, &encoding), on: id, now, &ports) { continue }
      case .created, .refused, .cancelled, .compacted, .ended:
        sendSurely(ports.message(response, &encoding), on: id, now, &ports)
        continue
      }
      streams[id]!.hasReturned = true
      returned[id, default: []].append(response)
    }
    for id in returned.keys.sorted() {
      streams[id]?.hasReturned = false
      step(
        .returned(id, returned[id]!, isBlocked: isBlocked(id)), .none, now, &ports, &out)
    }
  }

  /// False: the answer goes back to the hub.
  private mutating func offer(
    _ events: WatchEvents, of response: WatchResponse, _ encoding: inout Ports.Encoding,
    _ now: Instant, _ ports: inout Ports, _ out: inout WatchLaneOutput
  ) -> Bool {
    switch ports.offer(events, of: response, &encoding) {
    case .taken(events: let count, let rest):
      for message in rest { sendSurely(message, on: response.stream, now, &ports) }
      out.sentEvents += count
      return true
    case .refused:
      streams[response.stream]!.blockedAt = now
      return false
    case .notInMemory: return false
    }
  }

  /// False: it was not taken. *Precondition*: the stream is not blocked.
  private mutating func send(
    _ message: Ports.Message, on id: WatchStreamID, _ now: Instant, _ ports: inout Ports
  ) -> Bool {
    if ports.send(message, on: id) { return true }
    streams[id]!.blockedAt = now
    return false
  }

  /// Sends it now or later.
  private mutating func sendSurely(
    _ message: Ports.Message, on id: WatchStreamID, _ now: Instant, _ ports: inout Ports
  ) {
    if !isBlocked(id), send(message, on: id, now, &ports) { return }
    streams[id]!.backlog.append(message)
  }

  /// The client takes again. False: not all that waited, or the stream is none any more.
  private mutating func resume(
    _ id: WatchStreamID, _ now: Instant, _ ports: inout Ports
  ) -> Bool {
    guard let stream = streams[id] else { return false }
    var rest = stream.backlog[...]
    while let message = rest.first, ports.send(message, on: id) { rest.removeFirst() }
    streams[id]!.backlog = Array(rest)
    streams[id]!.blockedAt = rest.isEmpty ? nil : now
    return rest.isEmpty
  }
}
