import Base
import Raft

/// Something that can happen to one member; in 32 bits, as the key of what it leads to.
struct LocalEvent: Hashable {
  enum Kind: UInt32 {
    case receive, timeOut, fallSilent, store, storeAll, beat, propose, change, crash
    case read, flush, restore
  }

  let code: UInt32

  /// `detail`: the packet's number, or the change's; below 2²⁴.
  init(_ kind: Kind, detail: UInt32 = 0) {
    precondition(detail < 1 << 24, "\(detail) does not fit an event")
    code = kind.rawValue << 24 | detail
  }
}

/// What matters about a member's state to what can happen around it.
struct MemberView {
  enum Kind { case follower, preCandidate, candidate, leader }

  var kind: Kind
  var currentTerm: Term
  var durable: HardState
  var commitIndex: LogIndex
  /// Something of the state machine may reach the disk.
  var canFlush: Bool
  /// A snapshot was installed that the state machine has not moved to.
  var isRestoring: Bool
  /// The numbers of the logs in memory and on disk, as if they had never been cut.
  var log: UInt32
  var diskLog: UInt32
  var writes: Int
  /// It counts on a leader, or leads.
  var isHearing: Bool
  /// Time alone can make it stand for election.
  var canStand: Bool
  /// The smallest sets of others, as bits by position, that are a quorum with it.
  var electorates: [UInt32]

  var isLeader: Bool { kind == .leader }
}

/// What matters about a message to whether it still matters.
struct MessageView {
  enum Kind {
    case preVote, preVoteReply, requestVote, voteReply, heartbeat, otherRequest
    /// Of a follower to its leader.
    case progressReply, heartbeatReply
    case otherReply
    /// A snapshot has arrived, its sender learns: of no term.
    case streamEnd
  }

  var kind: Kind
  /// By position.
  var to: Int
  var from: Int
  var term: Term
  /// A vote, or a promise of one, was given.
  var isGranted = false
}

/// What one event makes of one member, in numbers.
struct LocalStep {
  var after: UInt32
  var sends: [UInt32]
  var ballots: [(term: Term, candidate: MemberID)]
  var readable: [Readable]
  var unreadable: [ReadID]
  var violation: Violation?
}

/// Every step that any member was ever seen to take. Worlds are many, but the states of one member
/// are few: each event steps the real core once in each of them, and the rest is looked up.
struct StepCache {
  let scope: Scope
  private(set) var members: Interner<ExploredMember>
  private(set) var packets: Interner<ExploredMessage>
  private(set) var memberViews: [MemberView] = []
  private(set) var messageViews: [MessageView] = []
  private(set) var logs: [[Entry]] = []
  private var numberOfLog: [[Entry]: UInt32] = [:]
  private(set) var steps: [LocalStep] = []
  private var stepOf: [UInt64: UInt32] = [:]
  private let changes: [ConfigurationChange]

  init(scope: Scope, renamings: [[MemberID]]) {
    self.scope = scope
    members = Interner(kind: 1, renamings: renamings)
    packets = Interner(kind: 2, renamings: renamings)
    changes = scope.allChanges
  }

  var changeCount: Int { changes.count }

  func change(_ number: UInt32) -> ConfigurationChange { changes[Int(number)] }

  /// The number of the step, if it was taken before.
  func known(_ member: UInt32, _ event: LocalEvent) -> Int? {
    stepOf[UInt64(member) << 32 | UInt64(event.code)].map(Int.init)
  }

  /// Steps the real core, and gives the number of the step.
  mutating func take(_ member: UInt32, _ event: LocalEvent) -> Int {
    var next = members[member]
    var effects = ExploredMember.Effects()
    happen(event, to: &next, &effects)
    let step = LocalStep(
      after: number(of: next),
      sends: effects.sends.map { number(of: $0) }, ballots: effects.ballots,
      readable: effects.readable, unreadable: effects.unreadable, violation: effects.violation)
    steps.append(step)
    stepOf[UInt64(member) << 32 | UInt64(event.code)] = UInt32(steps.count - 1)
    return steps.count - 1
  }

  mutating func number(of member: ExploredMember) -> UInt32 {
    let (number, isNew) = members.number(of: member, canonicalize: ExploredMember.canonicalize)
    if isNew { memberViews.append(view(of: member)) }
    return number
  }

  private mutating func number(of message: ExploredMessage) -> UInt32 {
    let (number, isNew) = packets.number(of: message, canonicalize: ExploredMessage.canonicalize)
    if isNew { messageViews.append(view(of: message)) }
    return number
  }

  private func happen(
    _ event: LocalEvent, to member: inout ExploredMember, _ effects: inout ExploredMember.Effects
  ) {
    guard let kind = LocalEvent.Kind(rawValue: event.code >> 24) else {
      preconditionFailure("\(event.code) is no event")
    }
    let detail = event.code & 0xFF_FFFF
    let settings = scope.settings
    switch kind {
    case .receive:
      member.receive(packets[detail], scope: scope, &effects)
    case .timeOut:
      member.step(.timer, after: member.core.wakeAt - .zero, scope: scope, &effects)
    case .fallSilent:
      member.step(.timer, after: settings.electionTimeout, scope: scope, &effects)
    case .store:
      member.store(1, scope: scope, &effects)
    case .storeAll:
      member.store(member.writes.count, scope: scope, &effects)
    case .beat:
      member.step(.timer, after: settings.heartbeatInterval, scope: scope, &effects)
    case .propose:
      let proposal = Proposal(id: ProposalID(1), command: [1])
      member.step(.propose([proposal]), scope: scope, &effects)
    case .change:
      member.step(.change(changes[Int(detail)], ProposalID(1)), scope: scope, &effects)
    case .crash:
      member.crash(scope: scope)
    case .read:
      member.step(.read(ReadID(UInt64(detail))), scope: scope, &effects)
    case .flush:
      member.flush(scope: scope, &effects)
    case .restore:
      member.restore(scope: scope, &effects)
    }
  }

  private mutating func view(of member: ExploredMember) -> MemberView {
    let kind: MemberView.Kind =
      switch member.core.role {
      case .follower: .follower
      case .preCandidate: .preCandidate
      case .candidate: .candidate
      case .leader: .leader
      }
    return MemberView(
      kind: kind, currentTerm: member.core.currentTerm, durable: member.disk.hardState,
      commitIndex: member.core.commitIndex, canFlush: member.canFlush,
      isRestoring: member.restoring != nil, log: number(ofLog: member.log),
      diskLog: number(ofLog: member.disk.log), writes: member.writes.count,
      isHearing: member.core.isHearingLeader,
      canStand: kind != .leader && member.core.wakeAt != .distantFuture,
      electorates: electorates(of: member.core))
  }

  private func electorates(of core: RaftCore) -> [UInt32] {
    let own = UInt32(1) << UInt32(core.id.number - 1)
    let all = (UInt32(1) << UInt32(scope.memberCount)) - 1
    let reaching = (0...all).filter { set in
      set & own == 0
        && core.quorum.isReached { (set | own) & 1 << UInt32($0.number - 1) != 0 }
    }
    return reaching.filter { set in !reaching.contains { $0 != set && $0 & set == $0 } }
  }

  private func view(of packet: ExploredMessage) -> MessageView {
    var view = MessageView(
      kind: .otherRequest, to: Int(packet.to.number) - 1, from: Int(packet.from.number) - 1,
      term: packet.message.term)
    if packet.snapshot?.hasArrived == true {
      view.kind = .streamEnd
      return view
    }
    switch packet.message.body {
    case .preVote: view.kind = .preVote
    case .preVoteReply(let reply):
      view.kind = .preVoteReply
      view.isGranted = reply.granted
    case .requestVote: view.kind = .requestVote
    case .voteReply(let reply):
      view.kind = .voteReply
      view.isGranted = reply.granted
    case .heartbeat: view.kind = .heartbeat
    case .appendReply: view.kind = .progressReply
    case .heartbeatReply: view.kind = .heartbeatReply
    case .timeoutNow, .readIndexReply: view.kind = .otherReply
    case .appendEntries, .installSnapshot, .readIndex: view.kind = .otherRequest
    }
    return view
  }

  private mutating func number(ofLog log: [Entry]) -> UInt32 {
    if let known = numberOfLog[log] { return known }
    let number = UInt32(logs.count)
    logs.append(log)
    numberOfLog[log] = number
    return number
  }
}
