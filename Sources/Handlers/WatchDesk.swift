import Host
import EtcdAPI
import KeyValue
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The watches of one client loop: carries out what their hub decides.
///
/// Confined to its loop, except for the feed, which has a lock of its own.
final class WatchDesk: @unchecked Sendable {
  let loop: any EventLoop
  private(set) var feed: WatchFeed!
  private let board: Board
  private let metrics: Metrics
  private let settings: WatchSettings
  /// From this size on an answer is split, for who asked for fragments.
  private let fragmentBytes: Int
  /// Without a leader for so long, a stream that requires one is ended.
  private let leaderlessLimit: Duration
  /// The place of its loop among the client loops.
  private let number: Int
  private let inboxes: MemberInboxes
  /// What is to be read as soon as the applier shows a root.
  private var waitingRead: ChangeRequest?
  private var hub: WatchHub
  private var outlets: [WatchStreamID: WatchOutlet] = [:]
  private var lastStream: UInt64 = 0
  private var checks: RepeatedTask?
  private var reports: RepeatedTask?
  private var isStopped = false
  /// As the metrics have it.
  private var shown = (watches: 0, lagging: 0)

  /// How long a read that came at the wrong moment waits for the next try.
  private static let pause = TimeAmount.milliseconds(20)

  init(
    _ context: ClientContext
  ) {
    let settings = context.settings
    number = context.number
    loop = context.loop
    board = context.board
    metrics = context.metrics
    inboxes = context.inboxes
    self.settings = settings.watches
    // etcd v3rpc/watch.go, `maxRequestBytes`.
    fragmentBytes = settings.requests.requestBytes + 512 * 1024
    // etcd v3rpc/interceptor.go, `maxNoLeaderCnt`.
    leaderlessLimit = settings.replica.raft.electionTimeout * 3
    hub = WatchHub(limits: settings.watches.hub)
    feed = WatchFeed { [weak self, loop] in
      guard let self else { return }
      loop.execute { self.takeBatches() }
    }
  }

  // MARK: Streams

  /// On the loop: a client opens a stream of watches.
  func open(_ call: StreamCall) -> (StreamEvent) -> Void {
    let requiresLeader = call.context.metadata.first("hasleader") == "true"
    if isStopped {
      call.finish(RPCStatus(.stopped))
      return { _ in }
    }
    if board.isFenced {
      call.finish(RPCStatus(.corrupt))
      return { _ in }
    }
    if board.isHalted || requiresLeader && board.leaderlessSince != nil {
      call.finish(RPCStatus(.noLeader))
      return { _ in }
    }
    lastStream += 1
    let id = WatchStreamID(lastStream)
    outlets[id] = WatchOutlet(call, requiresLeader: requiresLeader)
    metrics.watchStreams.change(by: 1)
    startClock()
    step(.open(id))
    return { [weak self] event in self?.take(event, on: id) }
  }

  private func take(_ event: StreamEvent, on id: WatchStreamID) {
    guard outlets[id] != nil else { return }
    switch event {
    case .message(let message): carryOut(message, on: id)
    // As in etcd: who has nothing more to ask may still listen.
    case .halfClosed: break
    case .writable: if outlets[id]!.resume() { step(.writable(id)) }
    case .cancelled: forget(id)
    }
  }

  private func carryOut(_ message: ByteBuffer, on id: WatchStreamID) {
    do throws(EtcdStatus) {
      switch try WatchService.order(body: Array(message.readableBytesView)) {
      case .create(let request): step(.create(id, request, current: board.meta.revision))
      case .cancel(let watch): step(.cancel(id, watch: watch, current: board.meta.revision))
      case .progress: step(.askProgress(id, current: board.meta.revision))
      case .nothing: break
      }
    } catch {
      end(id, error, tellsWatches: false)
    }
    if let backlog = outlets[id]?.backlog.count, backlog > settings.backlogLimit {
      end(id, .tooManyRequests, tellsWatches: false)
    }
  }

  private func forget(_ id: WatchStreamID) {
    guard outlets.removeValue(forKey: id) != nil else { return }
    metrics.watchStreams.change(by: -1)
    step(.close(id))
  }

  /// `tellsWatches`: each watch hears where to resume; else the client resumes by itself.
  private func end(_ id: WatchStreamID, _ status: EtcdStatus, tellsWatches: Bool) {
    guard let outlet = outlets[id] else { return }
    var last = outlet.backlog
    if tellsWatches {
      let output = hub.step(.end(id))
      last += output.responses.map { WatchService.message($0, board.header) }
      carryOut(output, .nothing)
    }
    outlet.call.finish(RPCStatus(status), last: last)
    forget(id)
  }

  /// On the loop: the member stops.
  func stop() {
    isStopped = true
    for id in outlets.keys.sorted() { end(id, .stopped, tellsWatches: false) }
    checks?.cancel()
    reports?.cancel()
  }

  // MARK: The hub

  private func takeBatches() {
    for batch in feed.drain() { step(.changed(batch), .batch(batch)) }
  }

  private func step(_ input: WatchInput, _ source: WatchEventBytes.Source = .nothing) {
    let output = hub.step(input)
    send(output.responses, source)
    carryOut(output, source)
  }

  private func carryOut(_ output: WatchOutput, _ source: WatchEventBytes.Source) {
    if let isListening = output.isListening {
      inboxes.apply.post(.listen(loop: number, isListening))
    }
    if let request = output.read { read(request) }
    let (watches, lagging) = (hub.watchCount, hub.laggingCount)
    metrics.watches.change(by: watches - shown.watches)
    metrics.laggingWatches.change(by: lagging - shown.lagging)
    shown = (watches, lagging)
  }

  private func read(_ request: ChangeRequest) {
    if let root = board.root { return read(request, root) }
    waitingRead = request
    inboxes.apply.post(.show(.watches(loop: number)))
  }

  /// On the loop: the root that a read has waited for.
  func take(_ root: Root) {
    guard let request = waitingRead else { return }
    waitingRead = nil
    read(request, root)
  }

  private func read(_ request: ChangeRequest, _ root: Root) {
    let deliver: @Sendable (Result<ChangePiece, WatchReadFailure>) -> Void = {
      [loop, weak self] result in
      guard let self else { return }
      loop.execute { self.take(result) }
    }
    inboxes.reads.post(.changes(request, root, deliver))
  }

  private func take(_ result: Result<ChangePiece, WatchReadFailure>) {
    switch result {
    case .success(let piece): step(.read(result), .piece(piece))
    case .failure(.compacted): step(.read(result))
    case .failure(.notNow):
      loop.scheduleTask(in: Self.pause) { [weak self] in self?.step(.read(result)) }
    }
  }

  /// Sends what the streams take, and gives the rest back to the hub.
  private func send(_ responses: [WatchResponse], _ source: WatchEventBytes.Source) {
    guard !responses.isEmpty else { return }
    var bytes = WatchEventBytes(source) { [board] in board.root }
    let header = board.header
    var returned: [WatchStreamID: [WatchResponse]] = [:]
    for response in responses {
      let id = response.stream
      guard let outlet = outlets[id] else { continue }
      switch response.content {
      case .events(let events):
        if !outlet.hasReturned, let all = bytes.events(events),
          outlets[id]!.send(messages(all, response, events, header))
        {
          metrics.watchEvents.add(UInt64(all.count))
          continue
        }
      case .progress:
        if !outlet.hasReturned, outlets[id]!.send([WatchService.message(response, header)]) {
          continue
        }
      case .created, .refused, .cancelled, .compacted, .ended:
        outlets[id]!.sendSurely(WatchService.message(response, header))
        continue
      }
      outlets[id]!.hasReturned = true
      returned[id, default: []].append(response)
    }
    for id in returned.keys.sorted() {
      outlets[id]!.hasReturned = false
      step(.returned(id, returned[id]!, isBlocked: outlets[id]!.isBlocked))
    }
  }

  private func messages(
    _ all: [[UInt8]], _ response: WatchResponse, _ events: WatchEvents, _ header: AnswerHeader
  ) -> [[UInt8]] {
    let parts =
      events.fragment ? WatchAnswer.parts(of: all, limitBytes: fragmentBytes) : [all[...]]
    return parts.indices.map { place in
      WatchAnswer.message(
        header, revision: response.revision, watch: response.watch, events: parts[place],
        isFragment: place < parts.count - 1)
    }
  }

  // MARK: Time

  private func startClock() {
    guard checks == nil else { return }
    let check = TimeAmount(settings.checkInterval)
    checks = loop.scheduleRepeatedTask(initialDelay: check, delay: check) { [weak self] _ in
      self?.check(.now())
    }
    let interval = TimeAmount(settings.progressInterval)
    reports = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
      [weak self] _ in self?.step(.progressInterval)
    }
  }

  /// Ends streams that nobody reads, and those that the quorum's loss ends.
  private func check(_ now: NIODeadline) {
    let leaderless = board.leaderlessSince.map { MonotonicClock.now() - $0 } ?? .zero
    let isLeaderless = leaderless >= leaderlessLimit
    for id in outlets.keys.sorted() {
      guard let outlet = outlets[id] else { continue }
      if board.isFenced {
        end(id, .corrupt, tellsWatches: false)
      } else if board.isHalted || outlet.requiresLeader && isLeaderless {
        end(id, .noLeader, tellsWatches: false)
      } else if let blockedAt = outlet.blockedAt,
        now - blockedAt >= TimeAmount(settings.stallLimit)
      {
        metrics.stalledWatchStreams.add()
        end(id, .watchStalled, tellsWatches: true)
      }
    }
  }
}

extension EtcdStatus {
  /// etcd drops what such a client does not read, without a word.
  fileprivate static let watchStalled = Self(
    .resourceExhausted, "quorate: the client does not read its watches")
}
