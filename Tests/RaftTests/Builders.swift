import Base
@testable import Raft

/// One member by itself, for tests of one step.
extension RaftCore {
  static func follower(
    _ number: UInt64 = 1, term: UInt64, voters: ClosedRange<UInt64>, learners: [UInt64] = [],
    entries: [Entry] = [], applied: UInt64 = 0, seed: UInt64 = 1,
    settings: RaftSettings = RaftSettings()
  ) -> RaftCore {
    let members =
      voters.map { Cluster.member($0, .voter) } + learners.map { Cluster.member($0, .learner) }
    let base = LogBase(last: .zero, configuration: Configuration(members: members))
    return RaftCore(
      id: MemberID(number), settings: settings,
      recovered: Recovered(
        hardState: HardState(currentTerm: Term(term)), base: base, entries: entries,
        applied: LogIndex(applied)),
      seed: seed, now: .zero)
  }

  mutating func receive(_ body: Message.Body, term: UInt64, from number: UInt64) -> Output {
    let message = Message(term: Term(term), body: body)
    return step(Input(now: now, event: .message(message, from: MemberID(number))))
  }

  @discardableResult
  mutating func step(_ body: Message.Body, from number: UInt64) -> Output {
    receive(body, term: currentTerm.number, from: number)
  }

  mutating func stored(_ ticket: UInt64) -> Output {
    step(Input(now: now, event: .stored(WriteTicket(ticket))))
  }

  /// Member 1 just after it began to stand for election, and what that step asked for.
  static func candidate(voters: ClosedRange<UInt64>) -> Stepped {
    var core = RaftCore.follower(term: 0, voters: voters)
    _ = core.step(Input(now: core.wakeAt, event: .timer))
    var output = Output()
    for voter in voters where voter > 1 {
      guard case .preCandidate = core.role else { break }
      output = core.receive(.preVoteReply(VoteReply(granted: true)), term: 1, from: voter)
    }
    return Stepped(core: core, lastOutput: output)
  }

  /// Member 1 leading its first term, with everything it wrote on disk. Nobody has answered yet.
  static func leader(
    voters: ClosedRange<UInt64>, learners: [UInt64] = [], entries: [Entry] = [],
    settings: RaftSettings = RaftSettings()
  ) -> RaftCore {
    var core = RaftCore.follower(
      term: entries.last?.term.number ?? 0, voters: voters, learners: learners, entries: entries,
      settings: settings)
    let asked = core.step(Input(now: core.wakeAt, event: .timer))
    let term = core.currentTerm.number
    for envelope in asked.sends {
      guard case .preCandidate = core.role else { break }
      _ = core.receive(
        .preVoteReply(VoteReply(granted: true)), term: term + 1, from: envelope.to.number)
    }
    _ = core.stored(1)
    for envelope in asked.sends where !core.isLeader {
      core.step(.voteReply(VoteReply(granted: true)), from: envelope.to.number)
    }
    _ = core.stored(2)
    precondition(core.isLeader, "m1 was not elected")
    return core
  }
}

struct Stepped {
  var core: RaftCore
  var lastOutput: Output

  var isLeader: Bool { core.isLeader }
  var votedFor: MemberID? { core.votedFor }
}

extension EntryID {
  /// Term first, as in the paper's figures.
  init(_ term: UInt64, _ index: UInt64) { self.init(term: Term(term), index: LogIndex(index)) }
}

extension [Entry] {
  /// Entries from one to `last`, all of its term.
  static func run(_ last: EntryID) -> [Entry] {
    guard last.index > .zero else { return [] }
    let terms = Swift.Array(repeating: last.term.number, count: Int(last.index.number))
    return .terms(terms)
  }

  /// One entry for each term, from index one or after `index`.
  static func terms(_ terms: [UInt64], after index: UInt64 = 0) -> [Entry] {
    terms.enumerated().map { offset, term in
      Entry(
        id: EntryID(term, index + UInt64(offset) + 1),
        content: .command(Swift.Array("\(term)/\(offset)".utf8)))
    }
  }
}

extension [Envelope] {
  /// The answers to requests for votes among them.
  var votes: [Bool] {
    compactMap { envelope in
      if case .voteReply(let reply) = envelope.message.body { reply.granted } else { nil }
    }
  }

  var appendReplies: [AppendReply.Result] {
    compactMap { envelope in
      if case .appendReply(let reply) = envelope.message.body { reply.result } else { nil }
    }
  }

  func appends(to number: UInt64) -> [AppendEntries] {
    compactMap { envelope in
      guard envelope.to == MemberID(number), case .appendEntries(let append) = envelope.message.body
      else { return nil }
      return append
    }
  }

  func heartbeats(to number: UInt64) -> [Heartbeat] {
    compactMap { envelope in
      guard envelope.to == MemberID(number), case .heartbeat(let heartbeat) = envelope.message.body
      else { return nil }
      return heartbeat
    }
  }
}
