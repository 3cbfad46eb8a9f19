/// Everything that moves a hub.
public enum WatchInput: Hashable, Sendable {
  case open(WatchStreamID)
  /// `current`: the store's revision as clients of this member see it.
  case create(WatchStreamID, WatchRequest, current: Int64)
  case cancel(WatchStreamID, watch: Int64, current: Int64)
  /// The client asks how far its stream has come.
  case askProgress(WatchStreamID, current: Int64)
  case changed(ChangeBatch)
  /// The answer to `WatchOutput.read`.
  case read(Result<ChangePiece, WatchReadFailure>)
  /// These answers were not sent: the stream takes no more for now (`isBlocked`), or what they need
  /// is not in memory. Whatever came after one of them on its stream was not sent either.
  case returned(WatchStreamID, [WatchResponse], isBlocked: Bool)
  /// A stream that was blocked takes answers again.
  case writable(WatchStreamID)
  /// The interval of progress reports has passed.
  case progressInterval
  /// The member gives the stream up, and tells each watch where to resume.
  case end(WatchStreamID)
  /// The client is gone.
  case close(WatchStreamID)
}

/// Why a piece of past changes was not read.
public enum WatchReadFailure: Error, Hashable, Sendable {
  /// What the piece should begin with is compacted, up to this revision.
  case compacted(Int64)
  /// The state is just moving to a snapshot: later.
  case notNow
}

/// What an input brought about.
public struct WatchOutput: Hashable, Sendable {
  /// In their order, stream by stream.
  public var responses: [WatchResponse] = []
  /// To be read from the store; one at a time.
  public var read: ChangeRequest?
  /// Whether batches are wanted, when that has changed. The first batch after that says by its
  /// `after` what the hub may have missed.
  public var isListening: Bool?

  public init() {}
}

/// The watches of some streams: a value with one door, fed with what the store applies.
///
/// A watch is *in step* while everything up to `delivered` was handed over to its stream, and
/// *lagging* else: it began in the past, its stream did not take more, or the hub has missed a
/// batch. Who lags is served from the store, piece by piece, until in step again. So memory holds
/// no event for a watch that is slow, and no batch can be missed without notice:
///
/// ```text
///  revisions   … 40   41   42   43   44   45 │ 46 …
///                     next           delivered
///                     ├── from the store ──┤├── from batches ──
/// ```
public struct WatchHub: Sendable {
  public struct Limits: Hashable, Sendable {
    public var watchesOfStream = 20_000
    public var watches = 100_000
    /// One answer holds about so many bytes of events, or one revision.
    public var responseBytes = 256 << 10
    /// A piece that is read from the store.
    public var pieceRows = 2_000
    public var pieceBytes = 256 << 10

    public init() {}
  }

  struct Watch: Sendable {
    let stream: WatchStreamID
    let request: WatchRequest
    /// As the stream knows it.
    let id: Int64
    /// Nothing before it is owed. Of a lagging watch: the first revision not handed over.
    var next: Int64
    var isLagging = false
    /// In `WatchHub.lagging`.
    var isQueued = false
    /// The read that serves it.
    var read: UInt64 = 0
    /// Had events since the last interval of progress reports.
    var isBusy = false
    /// For this watch of the batch or piece at hand.
    var found: [Int] = []
  }

  struct Stream: Sendable {
    var watches: [Int64: WatchNumber] = [:]
    var nextID: Int64 = 0
    var isBlocked = false
    var laggingCount = 0
    /// The highest revision that a header has told.
    var told: Int64 = 0
    /// Asked for progress, to be told when everything up to here was delivered.
    var progressDue: Int64?
  }

  let limits: Limits
  /// Of the batches that came: the last revision.
  public internal(set) var delivered: Int64 = 0
  var streams: [WatchStreamID: Stream] = [:]
  var watches: [WatchNumber: Watch] = [:]
  var index = WatchIndex()
  /// Watches to be served from the store, in turn; some may not lag any more.
  var lagging: [WatchNumber] = []
  /// Streams with a `progressDue`, ascending.
  var waitingForProgress: [WatchStreamID] = []
  /// The number of the newest read, from one on.
  var lastRead: UInt64 = 0
  var isReading = false
  /// Watches that are served from the store, or will be.
  public private(set) var laggingCount = 0
  private var lastWatch: WatchNumber = 0

  public init(limits: Limits = Limits()) { self.limits = limits }

  public var watchCount: Int { watches.count }

  // MARK: The door

  public mutating func step(_ input: WatchInput) -> WatchOutput {
    var output = WatchOutput()
    let wasListening = !watches.isEmpty
    switch input {
    case .open(let id):
      precondition(streams[id] == nil, "stream \(id.number) is opened twice")
      streams[id] = Stream()
    case .create(let id, let request, let current): create(id, request, current, &output)
    case .cancel(let id, let watch, let current): cancel(id, watch, current, &output)
    case .askProgress(let id, let current): askProgress(id, current)
    case .changed(let batch): take(batch, &output)
    case .read(let result): take(result, &output)
    case .returned(let id, let responses, let isBlocked): takeBack(id, responses, isBlocked)
    case .writable(let id): unblock(id)
    case .progressInterval: reportProgress(&output)
    case .end(let id): end(id, &output)
    case .close(let id): close(id)
    }
    answerProgress(&output)
    output.read = nextRead()
    if wasListening == watches.isEmpty { output.isListening = !watches.isEmpty }
    return output
  }

  // MARK: Watches come and go

  private mutating func create(
    _ id: WatchStreamID, _ request: WatchRequest, _ current: Int64, _ output: inout WatchOutput
  ) {
    guard var stream = streams[id] else { return }
    // Nobody listened: there is nothing that this hub might owe up to here.
    if watches.isEmpty { delivered = max(delivered, current) }
    stream.told = max(stream.told, current)
    streams[id] = stream
    if let refusal = refusal(of: request, on: stream) {
      return output.responses.append(
        WatchResponse(stream: id, watch: -1, revision: current, content: .refused(refusal)))
    }
    let watch = Watch(
      stream: id, request: request, id: number(for: request, on: id),
      next: request.startRevision == 0 ? current + 1 : request.startRevision)
    lastWatch += 1
    watches[lastWatch] = watch
    streams[id]!.watches[watch.id] = lastWatch
    index.insert(lastWatch, request.range)
    output.responses.append(
      WatchResponse(stream: id, watch: watch.id, revision: current, content: .created))
    if watch.next <= delivered { lag(lastWatch, from: watch.next) }
  }

  /// etcd mvcc/watcher.go `Watch`.
  private func refusal(of request: WatchRequest, on stream: Stream) -> WatchRefusal? {
    let end = request.range.end
    if !end.isEmpty, end != [0], ByteOrder.compare(request.range.key, end) >= 0 {
      return .emptyRange
    }
    if request.id != 0, stream.watches[request.id] != nil { return .duplicateID }
    let isFull =
      stream.watches.count >= limits.watchesOfStream || watches.count >= limits.watches
    return isFull ? .tooMany : nil
  }

  /// The client's own, or the next that is free.
  private mutating func number(for request: WatchRequest, on id: WatchStreamID) -> Int64 {
    guard request.id == 0 else { return request.id }
    var next = streams[id]!.nextID
    while streams[id]!.watches[next] != nil { next += 1 }
    streams[id]!.nextID = next + 1
    return next
  }

  private mutating func cancel(
    _ id: WatchStreamID, _ watch: Int64, _ current: Int64, _ output: inout WatchOutput
  ) {
    guard let number = streams[id]?.watches[watch] else { return }
    remove(number)
    streams[id]!.told = max(streams[id]!.told, current)
    output.responses.append(
      WatchResponse(stream: id, watch: watch, revision: current, content: .cancelled))
  }

  mutating func remove(_ number: WatchNumber) {
    guard let watch = watches.removeValue(forKey: number) else { return }
    index.remove(number, watch.request.range)
    streams[watch.stream]!.watches[watch.id] = nil
    if watch.isLagging { noteLagging(watch.stream, -1) }
  }

  private mutating func close(_ id: WatchStreamID) {
    guard let stream = streams[id] else { return }
    for number in stream.watches.values { remove(number) }
    streams[id] = nil
    waitingForProgress.removeAll { $0 == id }
  }

  private mutating func end(_ id: WatchStreamID, _ output: inout WatchOutput) {
    guard let stream = streams[id] else { return }
    for (watch, number) in stream.watches.sorted(by: { $0.key < $1.key }) {
      output.responses.append(
        WatchResponse(
          stream: id, watch: watch, revision: 0, content: .ended(resume: owed(number))))
    }
    close(id)
  }

  // MARK: In step or lagging

  /// The first revision that was not handed over.
  private func owed(_ number: WatchNumber) -> Int64 {
    let watch = watches[number]!
    return watch.isLagging ? watch.next : max(watch.next, delivered + 1)
  }

  /// From here on the watch is served from the store. *Precondition*: it was in step.
  mutating func lag(_ number: WatchNumber, from revision: Int64) {
    precondition(!watches[number]!.isLagging, "watch \(number) lags twice")
    watches[number]!.isLagging = true
    watches[number]!.next = revision
    let stream = watches[number]!.stream
    noteLagging(stream, 1)
    // A stream that takes nothing costs nothing until it takes again.
    if !streams[stream]!.isBlocked { enqueue(number) }
  }

  mutating func enqueue(_ number: WatchNumber) {
    guard !watches[number]!.isQueued else { return }
    watches[number]!.isQueued = true
    lagging.append(number)
  }

  /// *Precondition*: it lags, and everything before `next` was handed over.
  mutating func catchUp(_ number: WatchNumber, next: Int64) {
    watches[number]!.isLagging = false
    watches[number]!.next = next
    noteLagging(watches[number]!.stream, -1)
  }

  private mutating func noteLagging(_ stream: WatchStreamID, _ change: Int) {
    streams[stream]!.laggingCount += change
    laggingCount += change
  }

  private mutating func takeBack(
    _ id: WatchStreamID, _ responses: [WatchResponse], _ isBlocked: Bool
  ) {
    guard streams[id] != nil else { return }
    if isBlocked { streams[id]!.isBlocked = true }
    for response in responses {
      switch response.content {
      case .events(let events):
        guard let number = streams[id]!.watches[response.watch] else { continue }
        if watches[number]!.isLagging {
          watches[number]!.next = min(watches[number]!.next, events.first)
        } else {
          lag(number, from: events.first)
        }
      case .progress: if response.watch == -1 { askProgress(id, response.revision) }
      case .created, .refused, .cancelled, .compacted, .ended:
        preconditionFailure("an answer that brings no events cannot be returned")
      }
    }
  }

  private mutating func unblock(_ id: WatchStreamID) {
    guard let stream = streams[id], stream.isBlocked else { return }
    streams[id]!.isBlocked = false
    guard stream.laggingCount > 0 else { return }
    for (_, number) in stream.watches.sorted(by: { $0.key < $1.key })
    where watches[number]!.isLagging {
      enqueue(number)
    }
  }
}
