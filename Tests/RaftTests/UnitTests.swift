import Base
import Testing

@testable import Raft

@Suite struct `Quorum arithmetic` {
  private func quorum(_ roles: [Configuration.Role]) -> Quorum {
    Quorum(
      Configuration(
        members: roles.enumerated().map { Cluster.member(UInt64($0 + 1), $1) }))
  }

  @Test(arguments: 1...7)
  func `a majority is more than half`(count: Int) {
    let quorum = quorum(.init(repeating: .voter, count: count))
    for reached in 0...count {
      let isReached = quorum.isReached { $0.number <= UInt64(reached) }
      #expect(isReached == (reached > count / 2), "\(reached) of \(count)")
    }
  }

  /// Every assignment of five levels to up to four voters, against sorting.
  @Test func `the agreed value is the best that a majority has`() {
    for count in 1...4 {
      let quorum = quorum(.init(repeating: .voter, count: count))
      var combination = 0
      while combination < [1, 5, 25, 125, 625][count] {
        var rest = combination
        let values = (0..<count).map { _ in
          defer { rest /= 5 }
          return rest % 5
        }
        let expected = values.sorted(by: >)[count / 2]
        #expect(quorum.agreed { values[Int($0.number) - 1] } == expected)
        combination += 1
      }
    }
  }

  @Test func `nobody agrees where nobody votes`() {
    #expect(quorum([.learner]).agreed { $0.number } == nil)
  }

  @Test func `a joint quorum needs both halves`() {
    let quorum = quorum([.outgoing, .demoting, .voter, .incoming, .incoming, .learner])
    #expect(quorum.voters == [3, 4, 5].map { MemberID($0) })
    #expect(quorum.outgoingVoters == [1, 2, 3].map { MemberID($0) })
    #expect(!quorum.isReached { $0.number <= 3 })
    #expect(!quorum.isReached { $0.number >= 3 })
    #expect(quorum.isReached { [2, 3, 4].contains($0.number) })
    #expect(quorum.agreed { $0.number } == MemberID(2).number)
  }

  @Test func `a completed configuration has no half left`() {
    let configuration = Configuration(members: [
      Cluster.member(1, .outgoing), Cluster.member(2, .demoting), Cluster.member(3, .voter),
      Cluster.member(4, .incoming), Cluster.member(5, .learner),
    ])
    #expect(configuration.isJoint && !configuration.completed.isJoint)
    #expect(Cluster.describe(configuration.completed) == "(2) 3 4 (5)")
  }
}

@Suite struct `The log` {
  private func log(_ terms: [UInt64]) -> Log {
    var log = Log(base: .zero)
    for entry in [Entry].terms(terms) { log.append(entry) }
    return log
  }

  @Test func `terms are found along runs`() {
    let terms: [UInt64] = [1, 1, 3, 3, 3, 4, 7]
    let log = log(terms)
    for (offset, term) in terms.enumerated() {
      #expect(log.term(at: LogIndex(UInt64(offset) + 1)) == Term(term))
    }
    #expect(log.term(at: .zero) == .zero)
    #expect(log.term(at: LogIndex(8)) == nil)
  }

  @Test func `the last entry of at most a term is found`() {
    let log = log([1, 1, 3, 3, 5])
    #expect(log.lastEntry(upTo: LogIndex(9), term: Term(4)) == EntryID(3, 4))
    #expect(log.lastEntry(upTo: LogIndex(3), term: Term(4)) == EntryID(3, 3))
    #expect(log.lastEntry(upTo: LogIndex(4), term: Term(2)) == EntryID(1, 2))
    #expect(log.lastEntry(upTo: LogIndex(4), term: .zero) == .zero)
  }

  /// Against a plain array, with draws that reach every corner.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `it does what an array would do`(seed: UInt64) {
    var dice = SplitMix64(seed: seed)
    var log = Log(base: .zero)
    var model: [Entry] = []
    var base = EntryID.zero
    var term: UInt64 = 1
    for _ in 0..<300 {
      let last = model.last?.id ?? base
      switch dice.index(below: 8) {
      case 0: term += dice.next(below: 2)
      case 1:
        let keep = dice.index(below: model.count + 1)
        log.truncate(after: LogIndex(base.index.number + UInt64(keep)))
        model.removeLast(model.count - keep)
      case 2:
        let cut = dice.index(below: model.count + 1) / 2
        guard cut > 0 else { continue }
        base = model[cut - 1].id
        log.cut(through: base.index)
        model.removeFirst(cut)
      case 3:
        log.shrinkWindow(limitBytes: 200, durable: LogIndex(dice.next(below: 200)))
      case _:
        let count = Int(dice.next(below: 20))
        let entry = Entry(
          id: EntryID(term: Term(term), index: last.index.next),
          content: .command([UInt8](repeating: 7, count: count)))
        log.append(entry)
        model.append(entry)
      }
      #expect(log.base == base && log.last == (model.last?.id ?? base))
      for entry in model {
        #expect(log.term(at: entry.index) == entry.term)
        #expect(log.entry(at: entry.index) == nil || log.entry(at: entry.index) == entry)
      }
      #expect(
        log.bytes(after: base.index, through: log.last.index)
          == model.reduce(0) { $0 + $1.byteCount })
      let held = model.filter { $0.index >= log.windowStart }
      #expect(log.windowBytes == held.reduce(0) { $0 + $1.byteCount })
      #expect(
        held.first.map { log.entries(from: $0.index, through: log.last.index, limitBytes: .max) }
          ?? [] == held)
    }
  }

  @Test func `a batch is bounded in bytes but never empty`() {
    let log = log([1, 1, 1, 1])
    let first = LogIndex(1)
    #expect(log.entries(from: first, through: log.last.index, limitBytes: 1)?.count == 1)
    #expect(log.entries(from: first, through: log.last.index, limitBytes: 75)?.count == 2)
    #expect(log.entries(from: first, through: LogIndex(3), limitBytes: .max)?.count == 3)
  }

  @Test func `the window never forgets what is not on disk`() {
    var log = log([1, 1, 1, 1])
    log.shrinkWindow(limitBytes: 0, durable: LogIndex(2))
    #expect(log.windowStart == LogIndex(3))
    #expect(log.entries(from: LogIndex(2), through: LogIndex(4), limitBytes: .max) == nil)
  }
}

@Suite struct `A follower's progress` {
  private let limits = Inflight.Limits(messages: 2, bytes: 100)

  @Test func `an acknowledgement frees the pipeline up to it`() {
    var inflight = Inflight(limits: limits)
    inflight.add(upTo: LogIndex(3), bytes: 10)
    #expect(!inflight.isFull)
    inflight.add(upTo: LogIndex(6), bytes: 10)
    #expect(inflight.isFull)
    inflight.acknowledge(upTo: LogIndex(5))
    #expect(!inflight.isFull && !inflight.isEmpty)
    inflight.add(upTo: LogIndex(7), bytes: 95)
    #expect(inflight.isFull, "bytes count as well")
    inflight.acknowledge(upTo: LogIndex(7))
    #expect(inflight.isEmpty && !inflight.isFull)
  }

  @Test func `match never goes back and next stays above it`() {
    var progress = Progress(member: MemberID(2), next: LogIndex(5), heardAt: .zero)
    let isNews = progress.accepted(upTo: LogIndex(9), base: .zero, limits: limits)
    #expect(isNews)
    #expect(progress.state == .replicate && progress.next == LogIndex(10))
    let isLateNews = progress.accepted(upTo: LogIndex(4), base: .zero, limits: limits)
    #expect(!isLateNews)
    #expect(progress.match == LogIndex(9))
    progress.becomeProbing(next: LogIndex(2))
    #expect(progress.next == LogIndex(10))
  }

  @Test func `a snapshot ends when the follower has reached the log again`() {
    var progress = Progress(member: MemberID(2), next: LogIndex(1), heardAt: .zero)
    progress.becomeSnapshotting(atLeast: LogIndex(50))
    #expect(progress.isPaused)
    _ = progress.accepted(upTo: LogIndex(20), base: LogIndex(50), limits: limits)
    #expect(progress.isPaused)
    _ = progress.accepted(upTo: LogIndex(60), base: LogIndex(50), limits: limits)
    #expect(progress.state == .replicate && !progress.isPaused)
  }
}

@Suite struct `Bytes of the log` {
  private let configuration = Configuration(members: [
    Cluster.member(7, .demoting), Cluster.member(2, .voter),
  ])

  private var entries: [Entry] {
    [
      Entry(id: EntryID(3, 9), content: .noop),
      Entry(id: EntryID(.max, .max), content: .command([1, 2, 3])),
      Entry(id: EntryID(4, 10), content: .configuration(configuration)),
    ]
  }

  @Test func `what was encoded is decoded`() throws {
    for entry in entries { #expect(try Entry(decoding: entry.encoded()) == entry) }
    let base = LogBase(last: EntryID(3, 9), configuration: configuration)
    #expect(try LogBase(decoding: base.encoded()) == base)
    for vote in [nil, MemberID(5)] {
      let state = HardState(currentTerm: Term(8), votedFor: vote)
      #expect(try HardState(decoding: state.encoded()) == state)
    }
  }

  /// The layout is a promise to files that exist: it may only change with its version.
  @Test func `the layout is fixed`() {
    #expect(
      Entry(id: EntryID(1, 2), content: .command([9])).encoded()
        == [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9])
    #expect(
      HardState(currentTerm: Term(3), votedFor: MemberID(4)).encoded()
        == [1, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0])
    let one = Configuration(members: [
      Configuration.Member(
        id: MemberID(1), incarnation: Incarnation(2), role: .voter, name: "a", peerURLs: ["b"])
    ])
    #expect(
      one.encoded() == [
        1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 97, 1, 0, 0,
        0, 1, 0, 0, 0, 98,
      ])
  }

  @Test func `what the first version cannot say is written in the second`() throws {
    let members = [
      Configuration.Member(
        id: MemberID(1), incarnation: Incarnation(2), role: .voter, name: "a", peerURLs: ["b"],
        clientURLs: ["c"]),
      Configuration.Member(
        id: MemberID(2), incarnation: .unknown, role: .learner,
        prospect: .spare(after: .seconds(3)),
        name: "", peerURLs: ["d"]),
      Configuration.Member(
        id: MemberID(3), incarnation: .unknown, role: .learner,
        prospect: .successor(of: MemberID(1)),
        name: "", peerURLs: ["b"]),
    ]
    let configuration = Configuration(members: members)
    let bytes = configuration.encoded()
    #expect(bytes[0] == 2)
    #expect(try Configuration(decoding: bytes) == configuration)
    // Equal configurations are equal bytes: the second version is for what needs it.
    var old = bytes
    old[0] = 1
    #expect(throws: CodingError.self) { try Configuration(decoding: old) }
    let plain = Configuration(members: [
      Configuration.Member(
        id: MemberID(1), incarnation: Incarnation(2), role: .voter, name: "a", peerURLs: ["b"])
    ])
    let needless = [2] + plain.encoded().dropFirst() + [0, 0, 0, 0, 0]
    #expect(throws: CodingError.malformed(field: "configuration.version")) {
      try Configuration(decoding: Array(needless))
    }
  }

  @Test func `every shorter piece is refused, and so is a byte too many`() {
    for entry in entries {
      let bytes = entry.encoded()
      for count in 0..<bytes.count {
        #expect(throws: CodingError.self) { try Entry(decoding: Array(bytes[..<count])) }
      }
      #expect(throws: CodingError.trailingBytes(1)) { try Entry(decoding: bytes + [0]) }
    }
  }

  @Test func `no changed byte makes the reader trap`() {
    for entry in entries {
      let bytes = entry.encoded()
      for position in bytes.indices {
        for value in [0, 1, 2, 127, 255] as [UInt8] {
          var changed = bytes
          changed[position] = value
          let read = try? Entry(decoding: changed)
          #expect(read == nil || read?.encoded() == changed)
        }
      }
    }
  }

  @Test func `a later version is named`() {
    #expect(throws: CodingError.unknownVersion(2)) {
      try HardState(decoding: [2] + [UInt8](repeating: 0, count: 16))
    }
  }
}
