import Raft

/// Something that can happen to one member; in 32 bits, as the key of what it leads to.
struct LocalEvent: Hashable {
  enum Kind: UInt32 {
    case receive, timeOut, fallSilent, store, storeAll, beat, propose, change, crash
  }

  let code: UInt32

  /// `detail`: the packet's number, or the change's; below 2²⁴.
  init(_ kind: Kind, detail: UInt32 = 0) {
    precondition(detail < 1 << 24, "\(detail) does not fit an event")
    code = kind.rawValue << 24 | detail
  }
}

/// What matters about a member's state to what can happen around it.
struct Face {
  enum Kind { case follower, preCandidate, candidate, leader }

  var kind: Kind
  var currentTerm: Term
  var durable: HardState
  var commitIndex: LogIndex
  /// The numbers of the logs in memory and on disk.
  var log: UInt32
  var diskLog: UInt32
  var writes: Int
  /// It counts on a leader, or leads.
  var isHearing: Bool
  /// Time alone can make it stand for election.
  var canStand: Bool

  var isLeader: Bool { kind == .leader }
}

/// What one event makes of one member, in numbers.
struct LocalStep {
  var after: UInt32
  var sends: [UInt32]
  var ballots: [(term: Term, candidate: MemberID)]
  var violation: Violation?
}

/// Every step that any member was ever seen to take. Worlds are many, but the states of one member
/// are few: each event steps the real core once in each of them, and the rest is looked up.
struct StepBook {
  let scope: Scope
  private(set) var members: Pool<ExploredMember>
  private(set) var packets: Pool<ExploredMessage>
  private(set) var faces: [Face] = []
  private(set) var logs: [[Entry]] = []
  private var numberOfLog: [[Entry]: UInt32] = [:]
  private(set) var steps: [LocalStep] = []
  private var stepOf: [UInt64: UInt32] = [:]
  private let changes: [ConfigurationChange]

  init(scope: Scope, renamings: [[MemberID]]) {
    self.scope = scope
    members = Pool(kind: 1, renamings: renamings)
    packets = Pool(kind: 2, renamings: renamings)
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
      sends: effects.sends.map { envelope in
        packets.number(
          of: ExploredMessage(from: next.core.id, to: envelope.to, message: envelope.message),
          portray: ExploredMessage.portray
        ).number
      },
      ballots: effects.ballots, violation: effects.violation)
    let number = steps.count
    steps.append(step)
    stepOf[UInt64(member) << 32 | UInt64(event.code)] = UInt32(number)
    return number
  }

  mutating func number(of member: ExploredMember) -> UInt32 {
    let (number, isNew) = members.number(of: member, portray: ExploredMember.portray)
    if isNew { faces.append(face(of: member)) }
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
      let packet = packets[detail]
      member.step(.message(packet.message, from: packet.from), scope: scope, &effects)
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
    }
  }

  private mutating func face(of member: ExploredMember) -> Face {
    let kind: Face.Kind =
      switch member.core.role {
      case .follower: .follower
      case .preCandidate: .preCandidate
      case .candidate: .candidate
      case .leader: .leader
      }
    return Face(
      kind: kind, currentTerm: member.core.currentTerm, durable: member.disk.hardState,
      commitIndex: member.core.commitIndex, log: number(ofLog: member.core.entries),
      diskLog: number(ofLog: member.disk.entries), writes: member.writes.count,
      isHearing: member.core.isHearingLeader,
      canStand: kind != .leader && member.core.wakeAt != .distantFuture)
  }

  private mutating func number(ofLog log: [Entry]) -> UInt32 {
    if let known = numberOfLog[log] { return known }
    let number = UInt32(logs.count)
    logs.append(log)
    numberOfLog[log] = number
    return number
  }
}
