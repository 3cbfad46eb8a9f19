import Base
import EtcdAPI
import Foundation
import RPC

/// Plays the same generated watches on two servers, among the same writes, and compares what each
/// watch brings. A script is one stream: some watches, created and cancelled, and what they show.
///
/// etcd serves a watch from the past only every 100 ms: before what would end it (a cancellation, a
/// compaction) both come to rest, so that the outcome is no matter of time.
struct WatchComparison {
  let left: RPCConnection
  let right: RPCConnection
  private var generator: RequestGenerator
  private var dice: SplitMix64
  private var compacted: Set<Int64> = []
  /// Scripts that differ, and why we know of it; the others are faults.
  private(set) var known: [String: Int] = [:]
  private(set) var differences: [String] = []
  private(set) var scripts = 0
  private(set) var events = 0

  private static let streamsOfRound = 25
  private static let stepsOfRound = 90
  private static let isTaken = "mvcc: duplicate watch ID provided on the WatchStream"
  private static let rest = Duration.milliseconds(250)

  private struct Pair {
    var left: WatchedStream
    var right: WatchedStream
    /// Watches that were created, by their number on the stream.
    var active: [Int64] = []
  }

  init(_ left: RPCConnection, _ right: RPCConnection, seed: UInt64) {
    self.left = left
    self.right = right
    generator = RequestGenerator(seed: seed)
    dice = SplitMix64(seed: seed &+ 1)
  }

  /// Another round of scripts. *Throws* what keeps it from being played.
  mutating func playRound() async throws {
    var pairs = (0..<Self.streamsOfRound).map { _ in
      Pair(left: WatchedStream(over: left), right: WatchedStream(over: right))
    }
    for _ in 0..<Self.stepsOfRound {
      let place = dice.index(below: pairs.count)
      switch dice.index(below: 20) {
      case ..<11: try await write(&pairs)
      case ..<19: try await create(&pairs[place])
      default: try await cancel(&pairs, place)
      }
    }
    try await settle(pairs)
    for pair in pairs { try await askProgress(pair) }
    for pair in pairs {
      compare(pair.left.story, pair.right.story)
      pair.left.close()
      pair.right.close()
    }
    scripts += pairs.count
  }

  // MARK: Steps

  private mutating func write(_ pairs: inout [Pair]) async throws {
    var call = generator.next()
    while case .range = call { call = generator.next() }
    if case .compact(let request) = call {
      try await settle(pairs)
      compacted.insert(request.revision)
    }
    async let mine = Compare.answer(to: call, from: left)
    async let theirs = Compare.answer(to: call, from: right)
    let (a, b) = await (mine, theirs)
    guard a.text == b.text else {
      throw Fault(text: "a write is answered differently:\n\(call.text)\n\(a.text)\n\(b.text)")
    }
    generator.revision = max(generator.revision, a.revision)
  }

  private mutating func create(_ pair: inout Pair) async throws {
    let request = EtcdWatchRequest.make { $0.createRequest = draw() }
    let before = pair.left.count(\.created)
    pair.left.send(request)
    pair.right.send(request)
    try await both(pair, "a creation") { $0.count(\.created) > before }
    let answer = pair.left.story.created.last
    if let answer, !answer.canceled { pair.active.append(answer.watchID) }
  }

  private mutating func draw() -> EtcdWatchCreateRequest {
    var request = EtcdWatchCreateRequest()
    (request.key, request.rangeEnd) = generator.keySpan()
    switch dice.index(below: 4) {
    case 0: request.startRevision = generator.someRevision()
    case 1: request.startRevision = max(1, generator.revision - Int64(dice.index(below: 40)))
    default: break
    }
    if dice.oneIn(6) { request.filters = [dice.pick([.noput, .nodelete])] }
    request.prevKv = dice.oneIn(3)
    request.progressNotify = dice.oneIn(4)
    request.fragment = dice.oneIn(4)
    if dice.oneIn(4) { request.watchID = Int64(dice.index(below: 5)) }
    return request
  }

  private mutating func cancel(_ pairs: inout [Pair], _ place: Int) async throws {
    guard !pairs[place].active.isEmpty else { return }
    try await settle(pairs)
    let id = pairs[place].active.remove(at: dice.index(below: pairs[place].active.count))
    // One that compaction has ended is cancelled once more by etcd, and is unknown here.
    guard pairs[place].left.story.ended[id] == nil else { return }
    let request = EtcdWatchRequest.make { $0.cancelRequest = .make { $0.watchID = id } }
    pairs[place].left.send(request)
    pairs[place].right.send(request)
    try await both(pairs[place], "a cancellation") { $0.story.ended[id] != nil }
  }

  private func askProgress(_ pair: Pair) async throws {
    let request = EtcdWatchRequest.make { $0.progressRequest = EtcdWatchProgressRequest() }
    pair.left.send(request)
    pair.right.send(request)
    try await both(pair, "progress") { !$0.story.progress.isEmpty }
  }

  // MARK: Waiting

  struct Fault: Error { var text: String }

  private func both(
    _ pair: Pair, _ what: String, _ condition: (WatchedStream) -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while !condition(pair.left) || !condition(pair.right) {
      guard ContinuousClock.now < deadline else {
        throw Fault(
          text: "\(what) is not answered\n\(pair.left.story)\n\(pair.right.story)")
      }
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  /// Until nothing has come for longer than etcd lets a watch wait.
  private func settle(_ pairs: [Pair]) async throws {
    var before = -1
    while true {
      let now = pairs.reduce(0) { $0 + $1.left.answerCount + $1.right.answerCount }
      if now == before { return }
      before = now
      try await Task.sleep(for: Self.rest)
    }
  }

  // MARK: Judging

  private mutating func compare(_ left: WatchedStream.Story, _ right: WatchedStream.Story) {
    events += left.events.values.reduce(0) { $0 + $1.count }
    if left == right { return }
    var reasons: Set<String> = []
    var (mine, theirs) = (left, right)
    dropTakenIDs(&mine, &theirs, &reasons)
    for id in Set(mine.events.keys).union(theirs.events.keys) {
      var (a, b) = (mine.events[id] ?? [], theirs.events[id] ?? [])
      dropPreviousOfCompacted(&a, &b, &reasons)
      dropLostDeletions(&a, &b, &reasons)
      mine.events[id] = a
      theirs.events[id] = b
    }
    guard mine == theirs else {
      return differences.append("\(left.text)\nbeside\n\(right.text)")
    }
    for reason in reasons { known[reason, default: 0] += 1 }
  }

  /// etcd keeps the id of a watch that compaction has ended until its client cancels it. A second
  /// watch of that id is then refused by one.
  private func dropTakenIDs(
    _ mine: inout WatchedStream.Story, _ theirs: inout WatchedStream.Story,
    _ reasons: inout Set<String>
  ) {
    guard mine.created.count == theirs.created.count else { return }
    for place in mine.created.indices
    where mine.created[place].canceled != theirs.created[place].canceled {
      let (refusing, granting) = mine.created[place].canceled ? (mine, theirs) : (theirs, mine)
      let id = granting.created[place].watchID
      let before = refusing.events[id] ?? []
      guard refusing.created[place].cancelReason == Self.isTaken,
        let end = refusing.ended[id], end.compactRevision != 0, granting.ended[id] != nil,
        (granting.events[id] ?? []).starts(with: before)
      else { continue }
      // What the first watch of that id brought is still compared.
      (mine.created[place], theirs.created[place]) = (EtcdWatchResponse(), EtcdWatchResponse())
      (mine.events[id], theirs.events[id]) = (before, before)
      (mine.ended[id], theirs.ended[id]) = (end, end)
      reasons.insert("the id of a watch that compaction has ended stays taken at one")
    }
  }

  /// etcd looks a previous pair up when it sends the event, and leaves it out when it is compacted
  /// by then.
  private func dropPreviousOfCompacted(
    _ a: inout [EtcdEvent], _ b: inout [EtcdEvent], _ reasons: inout Set<String>
  ) {
    guard a.count == b.count else { return }
    for place in a.indices where a[place].hasPrevKv != b[place].hasPrevKv {
      guard compacted.contains(where: { $0 >= a[place].kv.modRevision }) else { continue }
      a[place].clearPrevKv()
      b[place].clearPrevKv()
      reasons.insert("the pair before the event is compacted meanwhile")
    }
  }

  /// etcd before 3.5.17 removes deletions of the compacted revision itself (etcd-io/etcd#19179).
  private func dropLostDeletions(
    _ a: inout [EtcdEvent], _ b: inout [EtcdEvent], _ reasons: inout Set<String>
  ) {
    for (few, many) in [(a, b), (b, a)] where few.count < many.count {
      let kept = many.filter { event in
        few.contains(event) || event.type != .delete || !compacted.contains(event.kv.modRevision)
      }
      guard kept == few else { continue }
      (a, b) = (few, few)
      reasons.insert("a deletion at the compacted revision is lost by one")
    }
  }
}
