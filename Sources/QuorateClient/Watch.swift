public import EtcdAPI
import Foundation
import Synchronization

/// A watch of one key or a range, as a sequence of answers that goes on wherever a member serves
/// it: when a stream ends it resumes on the next endpoint, with no event missed and none twice.
///
/// An answer holds events of whole revisions (fragments are put together again), or none: then
/// everything up to its header's revision has come. Nothing is read ahead of the consumer but a
/// bounded part.
public struct Watch: AsyncSequence, Sendable {
  public typealias Element = EtcdWatchResponse
  public typealias Failure = WatchEnd

  let client: EtcdClient
  let request: EtcdWatchCreateRequest
  let control: WatchControl?

  public func makeAsyncIterator() -> WatchIterator { WatchIterator(client, request, control) }
}

/// A way to a watch that another task reads.
public final class WatchControl: Sendable {
  fileprivate typealias Stream = CallStream<EtcdWatchRequest, EtcdWatchResponse>

  private struct State {
    var stream: Stream?
    /// Asked while there was no stream.
    var isAsked = false
  }

  private let state = Mutex(State())

  public init() {}

  /// Asks how far the watch has come, now or once it has a stream. It answers by an element
  /// without events, once everything up to that answer's revision has come.
  public func askProgress() async {
    let stream = state.withLock { state in
      if state.stream == nil { state.isAsked = true }
      return state.stream
    }
    if let stream { await Self.ask(stream) }
  }

  /// What the watch reads from now on; `nil`: nothing.
  fileprivate func follow(_ stream: Stream?) {
    state.withLock { $0.stream = stream }
  }

  /// Sends what was asked before there was a stream.
  fileprivate func askLate() async {
    let stream = state.withLock { state in
      defer { state.isAsked = false }
      return state.isAsked ? state.stream : nil
    }
    if let stream { await Self.ask(stream) }
  }

  private static func ask(_ stream: Stream) async {
    _ = await stream.send(.make { $0.progressRequest = EtcdWatchProgressRequest() })
  }
}

/// Why a watch is over.
public enum WatchEnd: Error, Sendable {
  /// What it should go on with is compacted: the oldest revision that can be watched. The answer
  /// is the member's.
  case compacted(Int64, EtcdWatchResponse)
  /// The member does not take the watch, or takes it no more, and says why.
  case cancelled(String, EtcdWatchResponse)
  /// A call that no other endpoint would answer otherwise.
  case failed(CallFailure)
}

extension EtcdClient {
  /// Watches from the revision that the request names, or from now on. A member that is cut off
  /// from the leader is left for another. `control` is for one reader at a time.
  public func watch(_ request: EtcdWatchCreateRequest, control: WatchControl? = nil) -> Watch {
    Watch(client: self, request: request, control: control)
  }

  /// Watches one key from now on.
  public func watch(_ key: String) -> Watch {
    watch(.make { $0.key = Data(key.utf8) })
  }
}

/// Where a watch stands.
public struct WatchIterator: AsyncIteratorProtocol {
  private typealias Stream = WatchControl.Stream

  private let client: EtcdClient
  private let request: EtcdWatchCreateRequest
  private let control: WatchControl?
  private var stream: Stream? {
    didSet { control?.follow(stream) }
  }
  /// The first revision that has not come; zero: whatever comes after the creation.
  private var next: Int64
  /// Events of a revision of which more fragments come.
  private var fragments: [EtcdEvent] = []
  /// Where in the client's endpoints it is, or tries next.
  private var place: Int
  /// Streams that ended since the last answer.
  private var failures = 0
  private var isOver = false

  init(_ client: EtcdClient, _ request: EtcdWatchCreateRequest, _ control: WatchControl? = nil) {
    self.client = client
    self.request = request
    self.control = control
    next = request.startRevision
    place = client.preferredPlace
  }

  /// `nil`: the task was cancelled. After an error too nothing comes.
  public mutating func next(
    isolation: isolated (any Actor)? = #isolation
  ) async throws(WatchEnd) -> EtcdWatchResponse? {
    while !isOver, !Task.isCancelled {
      let answer: EtcdWatchResponse
      do throws(CallFailure) {
        answer = try await receive()
      } catch {
        try await moveOn(after: error)
        continue
      }
      if answer.canceled {
        try end(answer)
      } else if let whole = take(answer) {
        failures = 0
        return whole
      }
    }
    return nil
  }

  private mutating func receive() async throws(CallFailure) -> EtcdWatchResponse {
    let stream = try await openStream()
    guard let answer = try await stream.next() else {
      throw CallFailure(endpoint: stream.endpoint, status: .stopped, delivery: .answered)
    }
    return answer
  }

  private mutating func openStream() async throws(CallFailure) -> Stream {
    if let stream { return stream }
    let stream: Stream = try await client.open(
      EtcdMethod.Watch.watch, at: client.endpoints[place],
      metadata: [("hasleader", "true")])
    fragments = []
    var create = request
    create.startRevision = next
    // A stream that ends at once says so by its next answer.
    _ = await stream.send(.make { $0.createRequest = create })
    self.stream = stream
    await control?.askLate()
    return stream
  }

  /// `nil`: there is more to come before the consumer hears of it.
  private mutating func take(_ answer: EtcdWatchResponse) -> EtcdWatchResponse? {
    if answer.created {
      if next == 0 { next = answer.header.revision + 1 }
      return nil
    }
    guard !answer.events.isEmpty else {
      next = Swift.max(next, answer.header.revision + 1)
      return answer
    }
    fragments += answer.events
    guard !answer.fragment else { return nil }
    var whole = answer
    // What came before a stream was lost does not come again, whatever the next one brings.
    whole.events = fragments.filter { $0.kv.modRevision >= next }
    fragments = []
    guard let last = whole.events.last else { return nil }
    next = last.kv.modRevision + 1
    return whole
  }

  /// A member that gives a slow reader up says where to resume, and that is where this watch
  /// stands; all else ends it.
  private mutating func end(_ answer: EtcdWatchResponse) throws(WatchEnd) {
    stream = nil
    if answer.cancelReason.hasPrefix(Self.resumable) { return }
    isOver = true
    throw answer.compactRevision != 0
      ? .compacted(answer.compactRevision, answer) : .cancelled(answer.cancelReason, answer)
  }

  private static let resumable = "quorate: the watch was ended"

  /// Moves on to the next endpoint, or ends the watch.
  private mutating func moveOn(after failure: CallFailure) async throws(WatchEnd) {
    stream = nil
    guard RetryRule.mayResume(failure) else {
      isOver = true
      throw .failed(failure)
    }
    place = (place + 1) % client.endpoints.count
    failures += 1
    // One try at each endpoint at once, then in longer and longer rounds.
    let rounds = failures / client.endpoints.count
    guard rounds > 0 else { return }
    try? await Task.sleep(for: .milliseconds(Swift.min(50 << Swift.min(rounds - 1, 5), 1_000)))
  }
}

extension RetryRule {
  /// Whether a stream of watches that ended so may go on elsewhere: as etcd's own client, on all
  /// but what the server says of the request itself (etcd client/v3/watch.go, `isHaltErr`).
  static func mayResume(_ failure: CallFailure) -> Bool {
    guard failure.delivery == .answered else { return true }
    return [.unavailable, .internal, .resourceExhausted].contains(failure.status.code)
  }
}
