import Testing

@testable import KeyValue

/// A store, a hub and some clients that hold etcd's guarantees of watches against it (etcd
/// api_guarantees: ordered, unique, reliable, atomic, resumable, bookmarkable).
struct WatchRig {
  /// One watch as its client sees it.
  struct Client {
    var request: WatchRequest
    /// The first revision that it is owed.
    var start: Int64
    var events: [Row] = []
    var previous: [Row?] = []
    /// Everything up to here has come, says the member.
    var bookmark: Int64 = 0
    var end: WatchResponse.Content?
  }

  var store: Store
  let table = Table()
  var hub: WatchHub
  var history: [RowChange] = []
  var clients: [WatchStreamID: [Int64: Client]] = [:]
  /// Bookmarks of whole streams, and created and refused watches, in order.
  var answers: [WatchResponse] = []
  /// Streams that take nothing.
  var blocked: Set<WatchStreamID> = []
  /// Batches on their way to the hub.
  var feed: [ChangeBatch] = []
  var isListening = false
  var read: ChangeRequest?
  var reads = 0
  private var cache = RowCache(limitBytes: 0)
  private var asked: [WatchStreamID: WatchRequest] = [:]

  init(settings: StoreSettings = StoreSettings(), limits: WatchHub.Limits = WatchHub.Limits()) {
    store = Store(generation: 1, settings: settings)
    hub = WatchHub(limits: limits)
  }

  // MARK: The store

  mutating func run(_ command: Command) throws {
    let before = store.meta.revision
    let applied = try store.run(command, table)
    history += applied.changes
    if isListening, store.meta.revision > before {
      feed.append(
        ChangeBatch(after: before, through: store.meta.revision, changes: applied.changes))
    }
  }

  mutating func put(_ key: String, _ value: String = "v") throws {
    try run(.put(PutRequest(key: [UInt8](key), value: [UInt8](value))))
  }

  mutating func delete(_ key: String) throws {
    try run(.deleteRange(DeleteRangeRequest(range: KeyRange(key))))
  }

  mutating func txn(putting keys: [String]) throws {
    var request = TxnRequest()
    request.success = keys.map { .put(PutRequest(key: [UInt8]($0), value: [UInt8]("v"))) }
    try run(.txn(request))
  }

  /// As a start does, or the adoption of a snapshot.
  mutating func reload() throws {
    store.flush(to: table)
    guard table.meta.appliedIndex == store.meta.appliedIndex else { return }
    store = try table.load(settings: store.settings)
  }

  // MARK: The hub

  mutating func open(_ stream: UInt64) {
    clients[WatchStreamID(stream)] = [:]
    step(.open(WatchStreamID(stream)))
  }

  mutating func watch(_ stream: UInt64 = 1, _ request: WatchRequest) {
    asked[WatchStreamID(stream)] = request
    step(.create(WatchStreamID(stream), request, current: store.meta.revision))
  }

  mutating func deliver() {
    guard !feed.isEmpty else { return }
    let batch = feed.removeFirst()
    step(.changed(batch), batch.changes.map { ($0.row, nil) })
  }

  /// Answers the read that is under way.
  mutating func answerRead() throws {
    guard let request = read else { return }
    read = nil
    reads += 1
    switch try store.readView.changes(request, cache: &cache, reading: table) {
    case .success(let piece):
      step(.read(.success(piece)), piece.changes.map { ($0.row, $0.previous) })
    case .failure: step(.read(.failure(.compacted(store.meta.compactRevision))))
    }
  }

  /// Until nothing is on its way.
  mutating func settle() throws {
    for _ in 0..<100_000 {
      guard !feed.isEmpty || read != nil else { return }
      deliver()
      try answerRead()
    }
    Issue.record("the hub does not come to rest")
  }

  mutating func unblock(_ stream: WatchStreamID) {
    guard blocked.remove(stream) != nil else { return }
    step(.writable(stream))
  }

  mutating func step(_ input: WatchInput, _ changes: [(row: Row, previous: Row?)] = []) {
    let output = hub.step(input)
    if let request = output.read {
      #expect(read == nil, "two reads at once")
      read = request
    }
    if let isListening = output.isListening {
      self.isListening = isListening
      // As the applier does: what was before, the hub finds in the store.
      if isListening {
        feed.append(ChangeBatch(after: store.meta.revision, through: store.meta.revision))
      }
    }
    var returned: [WatchStreamID: [WatchResponse]] = [:]
    for response in output.responses {
      let isRefused = blocked.contains(response.stream)
      switch response.content {
      case .events(let events):
        if isRefused {
          returned[response.stream, default: []].append(response)
        } else {
          take(response, events, changes)
        }
      case .progress:
        if isRefused {
          returned[response.stream, default: []].append(response)
        } else {
          takeBookmark(response)
        }
      case .created:
        let request = asked[response.stream]!
        let start = request.startRevision == 0 ? response.revision + 1 : request.startRevision
        #expect(clients[response.stream]![response.watch] == nil)
        clients[response.stream]![response.watch] = Client(request: request, start: start)
        answers.append(response)
      case .refused: answers.append(response)
      case .cancelled, .compacted, .ended:
        clients[response.stream]![response.watch]!.end = response.content
        answers.append(response)
      }
    }
    for (stream, responses) in returned.sorted(by: { $0.key < $1.key }) {
      step(.returned(stream, responses, isBlocked: true))
    }
  }

  // MARK: What the clients see

  private mutating func take(
    _ response: WatchResponse, _ events: WatchEvents, _ changes: [(row: Row, previous: Row?)]
  ) {
    guard var client = clients[response.stream]?[response.watch] else {
      Issue.record("events of a watch that was not created")
      return
    }
    #expect(client.end == nil, "events after the end")
    #expect(!events.positions.isEmpty)
    let rows = events.positions.map { changes[$0] }
    #expect(events.first == rows[0].row.modRevision)
    #expect(response.revision >= rows.last!.row.modRevision, "a header behind its events")
    for (row, previous) in rows {
      if let last = client.events.last { #expect(last.number < row.number, "order") }
      client.events.append(row)
      client.previous.append(previous)
    }
    // Atomic: what is left of the last revision does not come.
    let last = rows.last!.row
    let rest = owed(client).first { $0.modRevision == last.modRevision && $0.number > last.number }
    #expect(rest == nil, "revision \(last.modRevision) is split")
    clients[response.stream]![response.watch] = client
  }

  private mutating func takeBookmark(_ response: WatchResponse) {
    if response.watch == -1 {
      answers.append(response)
      for id in clients[response.stream]!.keys { note(response.revision, response.stream, id) }
    } else {
      note(response.revision, response.stream, response.watch)
    }
  }

  private mutating func note(_ bookmark: Int64, _ stream: WatchStreamID, _ id: Int64) {
    guard let client = clients[stream]?[id], client.end == nil else { return }
    let missing = owed(client).filter { $0.modRevision <= bookmark }.dropFirst(client.events.count)
    #expect(missing.isEmpty, "a bookmark at \(bookmark) ahead of \(missing.count) events")
    clients[stream]![id]!.bookmark = max(client.bookmark, bookmark)
  }

  /// Every event that the client should see in the end.
  func owed(_ client: Client) -> [Row] {
    let range = client.request.range
    return history.map(\.row).filter { row in
      row.modRevision >= client.start && contains(range, row.key)
        && (row.isTombstone ? !client.request.withoutDeletes : !client.request.withoutPuts)
    }
  }

  private func contains(_ range: KeyRange, _ key: [UInt8]) -> Bool {
    if range.end.isEmpty { return key == range.key }
    guard !key.lexicographicallyPrecedes(range.key) else { return false }
    return range.end == [0] || key.lexicographicallyPrecedes(range.end)
  }

  /// Holds every client against the history. *Precondition*: settled, nothing blocked.
  func check(_ place: String) {
    for client in clients.values.flatMap(\.values) {
      let owed = owed(client)
      switch client.end {
      case nil:
        #expect(client.events == owed, "\(place): \(client.request)")
      case .compacted(let revision):
        // None missing between, and it stood before the compacted revision.
        #expect(client.events == Array(owed.prefix(client.events.count)), "\(place)")
        #expect((client.events.last?.modRevision ?? 0) < revision, "\(place)")
      case .ended(let resume):
        #expect(
          client.events == owed.filter { $0.modRevision < resume }, "\(place): resume \(resume)")
      case .cancelled, .created, .refused, .progress, .events:
        #expect(client.events == Array(owed.prefix(client.events.count)), "\(place)")
      }
    }
  }
}

extension WatchRequest {
  init(_ key: String, _ end: String = "", from revision: Int64 = 0) {
    self.init(range: KeyRange(key, end))
    startRevision = revision
  }
}
