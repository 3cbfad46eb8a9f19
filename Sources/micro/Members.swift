import Base
import Raft
import Replica

/// One member of three, and a world that answers it as two perfect followers and a perfect disk
/// would. What the answers cost is part of what is measured; it is little.
enum Members {
  static let recovered = Recovered(
    hardState: HardState(),
    base: LogBase(
      last: .zero,
      configuration: Configuration(
        members: (1...3).map { number in
          Configuration.Member(
            id: MemberID(number), incarnation: Incarnation(number), role: .voter,
            name: "m\(number)", peerURLs: ["http://127.0.0.1:\(2380 + number)"])
        })), entries: [], applied: .zero)

  /// What a follower that agrees says to a message; `nil`: nothing.
  static func answer(to message: Message) -> Message? {
    let body: Message.Body
    switch message.body {
    case .preVote: body = .preVoteReply(VoteReply(granted: true))
    case .requestVote: body = .voteReply(VoteReply(granted: true))
    case .appendEntries(let append):
      body = .appendReply(
        AppendReply(.accepted(match: append.entries.last?.id ?? append.previous)))
    case .heartbeat(let heartbeat): body = .heartbeatReply(HeartbeatReply(round: heartbeat.round))
    case .preVoteReply, .voteReply, .appendReply, .heartbeatReply, .installSnapshot, .timeoutNow,
      .readIndex, .readIndexReply:
      return nil
    }
    return Message(term: message.term, body: body)
  }
}

/// A core that leads, and its world.
struct LeadingCore {
  private var core: RaftCore
  private var now = Instant.zero
  private var numbers: UInt64 = 0

  init() {
    core = RaftCore(
      id: MemberID(1), settings: RaftSettings(), recovered: Members.recovered, seed: 1, now: .zero)
    var wakeAt = perform(.timer).wakeAt
    while !core.isLeader {
      now = max(now, wakeAt)
      wakeAt = perform(.timer).wakeAt
    }
  }

  /// From the proposal to the report that it is applied and safe.
  mutating func put(_ command: [UInt8]) {
    now = now + .microseconds(20)
    numbers += 1
    perform(.propose([Proposal(id: ProposalID(numbers), command: command)]))
  }

  @discardableResult
  private mutating func perform(_ event: Input.Event) -> Output {
    let output = core.step(Input(now: now, event: event))
    for write in output.writes {
      perform(.stored(write.ticket))
      for envelope in write.releasedWhenDurable { send(envelope) }
    }
    for envelope in output.sends { send(envelope) }
    if let last = output.committed.last?.index {
      perform(.applied(last))
      if last.number.isMultiple(of: 64) { perform(.durableApplied(last)) }
    }
    return output
  }

  private mutating func send(_ envelope: Envelope) {
    guard let answer = Members.answer(to: envelope.message) else { return }
    perform(.message(answer, from: envelope.to))
  }
}

/// A core that follows member 2.
struct FollowingCore {
  private var core = RaftCore(
    id: MemberID(1), settings: RaftSettings(), recovered: Members.recovered, seed: 1, now: .zero)
  private var now = Instant.zero
  private var last = EntryID.zero

  /// From the entry's arrival to the report that it is applied and safe.
  mutating func put(_ command: [UInt8]) {
    now = now + .microseconds(20)
    let id = EntryID(term: Term(1), index: last.index.next)
    let append = AppendEntries(
      previous: last, entries: [Entry(id: id, content: .command(command))],
      commitIndex: last.index)
    last = id
    perform(
      .message(Message(term: Term(1), body: .appendEntries(append)), from: MemberID(2)))
  }

  private mutating func perform(_ event: Input.Event) {
    let output = core.step(Input(now: now, event: event))
    for write in output.writes { perform(.stored(write.ticket)) }
    if let last = output.committed.last?.index {
      perform(.applied(last))
      if last.number.isMultiple(of: 64) { perform(.durableApplied(last)) }
    }
  }
}

/// A replica that leads, its world, and one client.
struct LeadingReplica: ~Copyable {
  private var replica: ReplicaCore
  private var now = Instant.zero
  private var numbers: UInt64 = 0
  private var wakeAt = Instant.zero

  init() {
    replica = ReplicaCore(
      id: MemberID(1), boot: Boot(1), settings: ReplicaSettings(), recovered: Members.recovered,
      seed: 1, now: .zero)
    for number in UInt64(2)...3 { perform(.sessionOpened(MemberID(number), Boot(number))) }
    while !replica.isLeader {
      now = max(now, wakeAt)
      perform(.timer)
    }
  }

  /// From the client's proposal to the report that it is applied and safe.
  mutating func put(_ command: [UInt8]) {
    now = now + .microseconds(20)
    if now >= wakeAt { perform(.timer) }
    numbers += 1
    perform(
      .propose([
        ProposalRequest(
          id: RequestID(numbers), command: command, deadline: now + .seconds(5), isGrowing: true)
      ]))
  }

  private mutating func perform(_ event: ReplicaEvent) {
    let effects = replica.step(ReplicaInput(now: now, event: event))
    wakeAt = effects.wakeAt
    for write in effects.writes {
      perform(.stored(write.write.ticket))
      for envelope in write.releasedWhenDurable { send(envelope) }
    }
    for envelope in effects.sends { send(envelope) }
    if let last = effects.apply.last?.index {
      let isCommand = if case .command = effects.apply.last?.content { true } else { false }
      perform(.applied(through: last, completed: isCommand ? [RequestID(numbers)] : []))
      if last.number.isMultiple(of: 64) { perform(.durableApplied(last)) }
    }
  }

  private mutating func send(_ envelope: PeerEnvelope) {
    switch envelope.message {
    case .raft(let message):
      guard let answer = Members.answer(to: message) else { return }
      perform(.message(.raft(answer), from: envelope.to))
    case .ping(let instant): perform(.message(.pong(instant), from: envelope.to))
    case .pong, .forward, .forwardReply, .digest, .diverged, .changeForward, .changeReply,
      .roomQuery, .roomReply:
      break
    }
  }
}
