import Base
import Host
import EtcdAPI
import KeyValue
import Member
import NIOCore
import RPC
import Raft
import Replica
import Services

/// The locks and elections of one client loop: carries out what their lock calls want, and is to
/// the member's own services a client like any other.
///
/// Confined to its loop. What comes from a watch or as an answer is put aside and taken up after
/// it: whoever brings it is in the middle of something then.
final class LockHandler: OutcomeReceiver, @unchecked Sendable {
  typealias CallID = UInt64

  private struct Call {
    let client: StreamCall
    /// The one message, until the client has said that it is the only one.
    var request: ByteBuffer?
    var lockCall: (any LockCall)?
    var watch: OwnWatch?
    /// The client takes nothing, and this is what it is owed.
    var held: [LockCallEffect] = []
    var isBlocked = false

    init(_ client: StreamCall) { self.client = client }
  }

  /// A stream of watches that a lock call has open.
  private struct OwnWatch {
    var number: UInt64
    var tell: (StreamEvent) -> Void
    /// Answers that wait to be taken up.
    var waitingBytes = 0
    /// Some were refused.
    var wasRefused = false
  }

  /// Something that came of a watch or of a question, to be taken up in turn.
  private struct News {
    enum Content {
      case message([UInt8], watch: UInt64)
      case ended(FailedAnswer, watch: UInt64)
      case outcome(UnaryOutcome)
    }

    var id: CallID
    var content: Content
  }

  let loop: any EventLoop
  private let handlers: KVHandlers
  private let watches: WatchHandler
  private let settings: LockSettings
  private let published: PublishedState
  private let metrics: Metrics
  /// Without a leader for so long, who waits is told so; `nil`: waits on.
  private let leaderlessLimit: Duration?
  private var calls: [CallID: Call] = [:]
  private var lastNumber: UInt64 = 0
  private var news: [News] = []
  private var checks: RepeatedTask?
  private var isStopped = false

  /// Answers of a watch that may wait for one lock call; one is taken whatever its size.
  private static let watchedLimitBytes = 256 << 10

  init(_ context: ClientContext, handlers: KVHandlers, watches: WatchHandler) {
    let settings = context.settings
    loop = context.loop
    published = context.published
    metrics = context.metrics
    self.handlers = handlers
    self.watches = watches
    self.settings = settings.locks
    leaderlessLimit =
      settings.replica.quorumPolicy == .wait ? nil : settings.replica.raft.electionTimeout * 3
  }

  /// Those of `v3lockpb.Lock` and `v3electionpb.Election`.
  static let methods = [
    EtcdMethod.Lock.lock, EtcdMethod.Lock.unlock, EtcdMethod.Election.campaign,
    EtcdMethod.Election.proclaim, EtcdMethod.Election.leader, EtcdMethod.Election.observe,
    EtcdMethod.Election.resign,
  ]

  // MARK: The client's side

  /// On the loop. Whoever waits must hear that its client is gone: so every call of these services
  /// comes as a stream, though it takes one message.
  func open(_ client: StreamCall) -> (StreamEvent) -> Void {
    guard !isStopped, calls.count < settings.callsLimit else {
      client.finish(RPCStatus(isStopped ? .stopped : .tooManyRequests))
      return { _ in }
    }
    lastNumber += 1
    let id = lastNumber
    calls[id] = Call(client)
    metrics.lockCalls.change(by: 1)
    startClock()
    return { [weak self] event in self?.take(event, of: id) }
  }

  private func take(_ event: StreamEvent, of id: CallID) {
    guard let call = calls[id] else { return }
    switch event {
    case .message(let message):
      guard call.request == nil else {
        return finish(
          id, RPCStatus(.internal, "received more than one message of a unary call"))
      }
      calls[id]!.request = message
    case .halfClosed:
      guard let request = call.request else {
        return finish(id, RPCStatus(.internal, "received no message of a unary call"))
      }
      begin(id, Array(request.readableBytesView))
    case .writable: resume(id)
    case .cancelled:
      guard call.lockCall != nil else { return forget(id) }
      calls[id]!.isBlocked = false
      calls[id]!.held = []
      step(id, .cancelled)
    }
  }

  private func begin(_ id: CallID, _ body: [UInt8]) {
    do throws(EtcdStatus) {
      calls[id]!.lockCall = try LockService.lockCall(
        calls[id]!.client.context.path, body: body)
      step(id, .start)
    } catch {
      metrics.refused(.invalid)
      finish(id, RPCStatus(error))
    }
  }

  private func finish(
    _ id: CallID, _ status: RPCStatus, trailers: Metadata = Metadata(), last: [[UInt8]] = []
  ) {
    calls[id]?.client.finish(status, trailers: trailers, last: last)
    forget(id)
  }

  private func forget(_ id: CallID) {
    endWatch(of: id)
    guard calls.removeValue(forKey: id) != nil else { return }
    metrics.lockCalls.change(by: -1)
  }

  /// On the loop: the member stops.
  func stop() {
    isStopped = true
    checks?.cancel()
    for id in calls.keys.sorted() { finish(id, RPCStatus(.stopped)) }
  }

  // MARK: What lock calls want

  private func step(_ id: CallID, _ input: LockCallInput) {
    guard calls[id]?.lockCall != nil else { return }
    perform(calls[id]!.lockCall!.step(input), of: id)
  }

  private func perform(_ effects: [LockCallEffect], of id: CallID) {
    var rest = effects[...]
    while let effect = rest.popFirst(), let call = calls[id] {
      if call.isBlocked, !effect.isFailure {
        calls[id]!.held.append(effect)
        continue
      }
      switch effect {
      case .ask(let question): ask(question, for: id)
      case .watch(let requests): watch(requests, for: id)
      case .endWatch: endWatch(of: id)
      case .send(let message):
        guard !call.client.send(message) else { continue }
        calls[id]!.isBlocked = true
        calls[id]!.held.append(effect)
      case .answer(let message, let token):
        var trailers = Metadata()
        if let token { trailers.add(QuorateMetadata.fencingToken, "\(token)") }
        finish(id, .ok, trailers: trailers, last: [message])
      case .fail(let answer): finish(id, RPCStatus(answer.status), trailers: answer.trailers)
      case .leave(let question):
        if let question { ask(question, for: nil) }
        forget(id)
      }
    }
  }

  /// The client takes messages again.
  private func resume(_ id: CallID) {
    guard let call = calls[id], call.isBlocked else { return }
    calls[id]!.isBlocked = false
    calls[id]!.held = []
    perform(call.held, of: id)
    relieve(id)
  }

  // MARK: Questions

  /// `id` nil: nobody waits for the answer.
  private func ask(_ question: LockCallQuestion, for id: CallID?) {
    let client = id.flatMap { calls[$0]?.client.context }
    let context = CallContext(
      path: question.path, metadata: Metadata(), peer: client?.peer, deadline: client?.deadline)
    let call = OpenCall(
      context, message: ByteBuffer(bytes: question.body), for: self, id ?? Self.nobody)
    switch question {
    case .range: handlers.handle(.range, call)
    case .txn: handlers.handle(.txn, call)
    case .deleteRange: handlers.handle(.deleteRange, call)
    case .grant: handlers.grantLease(call)
    case .revoke: handlers.revokeLease(call)
    }
  }

  /// No call has this number.
  private static let nobody: CallID = 0

  func ended(_ id: CallID, _ outcome: UnaryOutcome) {
    if id != Self.nobody { note(.outcome(outcome), for: id) }
  }

  private func answered(_ outcome: UnaryOutcome, _ id: CallID) {
    switch outcome {
    case .answered(let body, _): step(id, .answered(body))
    case .failed(let status, let trailers): step(id, .failed(FailedAnswer(status, trailers)))
    }
  }

  // MARK: Watches

  private func watch(_ requests: [EtcdWatchCreateRequest], for id: CallID) {
    endWatch(of: id)
    lastNumber += 1
    let number = lastNumber
    let context = CallContext(
      path: EtcdMethod.Watch.watch, metadata: Metadata(), peer: calls[id]!.client.context.peer)
    // The watch handler calls back on this very loop.
    let bound = NIOLoopBound(self, eventLoop: loop)
    let stream = StreamCall(
      context: context,
      onSend: { message in bound.value.takeWatched(message, for: id, of: number) },
      onFinish: { status, trailers, last in
        let handler = bound.value
        for message in last { handler.note(.message(message, watch: number), for: id) }
        handler.note(.ended(FailedAnswer(status, trailers), watch: number), for: id)
      })
    // It may end before it has begun, and its end is taken up after this.
    calls[id]!.watch = OwnWatch(number: number, tell: { _ in })
    let tell = watches.open(stream)
    calls[id]!.watch!.tell = tell
    for request in requests {
      let message = EtcdWatchRequest.make { $0.createRequest = request }
      tell(.message(ByteBuffer(bytes: message.encodedBytes)))
    }
  }

  private func endWatch(of id: CallID) {
    guard let watch = calls[id]?.watch else { return }
    calls[id]!.watch = nil
    watch.tell(.cancelled)
  }

  /// False: the client of the lock call does not keep up.
  private func takeWatched(_ message: [UInt8], for id: CallID, of number: UInt64) -> Bool {
    guard let call = calls[id], let watch = call.watch, watch.number == number else { return true }
    guard !call.isBlocked,
      watch.waitingBytes == 0 || watch.waitingBytes + message.count <= Self.watchedLimitBytes
    else {
      calls[id]!.watch!.wasRefused = true
      return false
    }
    calls[id]!.watch!.waitingBytes += message.count
    note(.message(message, watch: number), for: id)
    return true
  }

  private func note(_ content: News.Content, for id: CallID) {
    news.append(News(id: id, content: content))
    guard news.count == 1 else { return }
    loop.assumeIsolated().execute { self.takeNews() }
  }

  private func takeNews() {
    let batch = news
    news = []
    for one in batch {
      switch one.content {
      case .outcome(let outcome): answered(outcome, one.id)
      // Of a watch that was ended meanwhile nothing is wanted any more.
      case .message(let bytes, watch: let number):
        guard calls[one.id]?.watch?.number == number else { continue }
        calls[one.id]!.watch!.waitingBytes -= bytes.count
        guard let response = try? EtcdWatchResponse(decoding: bytes) else {
          preconditionFailure("a watch of this member has sent what is no answer")
        }
        step(one.id, .watched(response))
        relieve(one.id)
      case .ended(let answer, watch: let number):
        guard calls[one.id]?.watch?.number == number else { continue }
        calls[one.id]!.watch = nil
        step(one.id, .watchFailed(answer))
      }
    }
  }

  /// Lets a watch go on that was refused before.
  private func relieve(_ id: CallID) {
    guard let call = calls[id], let watch = call.watch, watch.wasRefused, !call.isBlocked,
      watch.waitingBytes == 0
    else { return }
    calls[id]!.watch!.wasRefused = false
    watch.tell(.writable)
  }

  // MARK: Time

  private func startClock() {
    guard checks == nil else { return }
    let interval = TimeAmount(settings.checkInterval)
    checks = loop.scheduleRepeatedTask(
      initialDelay: interval, delay: interval
    ) { [weak self] _ in self?.endLeaderless() }
  }

  /// On a member that is cut off nobody's turn comes: whoever waits there is told so, and keeps its
  /// place, for it may go on waiting at another member with the same lease.
  private func endLeaderless() {
    guard let leaderlessLimit, let since = published.standing.leaderlessSince,
      MonotonicClock.now() - since >= leaderlessLimit
    else { return }
    for id in calls.keys.sorted() where calls[id]?.watch != nil {
      step(id, .watchFailed(FailedAnswer(.noLeader)))
    }
  }
}

/// The bounds of locks and elections (Docs/Limits.md).
public struct LockSettings: Sendable {
  /// Calls of one client loop that are under way, most of which wait.
  public var callsLimit = 10_000
  /// How often it is looked whether somebody leads.
  public var checkInterval = Duration.milliseconds(250)

  public init() {}
}

extension LockCallEffect {
  /// Told at once, whatever the client has not taken.
  fileprivate var isFailure: Bool {
    if case .fail = self { true } else { false }
  }
}

extension LockCallQuestion {
  fileprivate var path: String {
    switch self {
    case .range: EtcdMethod.KV.range
    case .txn: EtcdMethod.KV.txn
    case .deleteRange: EtcdMethod.KV.deleteRange
    case .grant: EtcdMethod.Lease.leaseGrant
    case .revoke: EtcdMethod.Lease.leaseRevoke
    }
  }

  fileprivate var body: [UInt8] {
    switch self {
    case .range(let request): request.encodedBytes
    case .txn(let request): request.encodedBytes
    case .deleteRange(let request): request.encodedBytes
    case .grant(let request): request.encodedBytes
    case .revoke(let request): request.encodedBytes
    }
  }
}

extension FailedAnswer {
  fileprivate init(_ status: RPCStatus, _ trailers: Metadata) {
    self.init(
      EtcdStatus(EtcdStatus.Code(rawValue: status.code.rawValue) ?? .unknown, status.message),
      why: trailers.firstBytes(QuorateMetadata.why).flatMap { Why(encoded: $0) })
  }
}
