import Base
import Raft

/// Every request of this member's clients that waits for an answer, until its deadline at most.
struct RequestTable: Sendable {
  enum State: Sendable {
    /// A command that has not left this member: it can still be refused.
    case waiting(ProposalRequest)
    /// A command that may be in somebody's log, as an entry of this term and no other. `nil`: of a
    /// term that a snapshot has covered since.
    case sent(commandBytes: Int, term: Term?)
    /// `confirmedAt`: the index to be applied first; `nil`: the leader was not confirmed yet.
    case read(confirmedAt: LogIndex?)
    /// A change of members that has not left this member.
    case waitingChange(ConfigurationChange)
    /// A change of members that may be in somebody's log; the term as of `sent`.
    case change(sentIn: Term?)
    case transfer(to: MemberID?)
  }

  private var states: [RequestID: State] = [:]
  private var deadlines = DeadlineQueue<RequestID>()
  private(set) var proposalCount = 0
  private(set) var proposalBytes = 0
  private(set) var readCount = 0

  var isEmpty: Bool { states.isEmpty }

  func contains(_ id: RequestID) -> Bool { states[id] != nil }

  subscript(id: RequestID) -> State? { states[id] }

  /// *Precondition*: the id was never used in this boot.
  mutating func insert(_ id: RequestID, _ state: State, deadline: Instant) {
    let previous = states.updateValue(state, forKey: id)
    demand(previous == nil, "request \(id.number) was asked twice")
    count(state, by: 1)
    deadlines.insert(DeadlineQueue<RequestID>.Item(deadline: deadline, id: id))
    if deadlines.count > 2 * states.count + 1024 {
      let states = states
      deadlines.retain { states[$0] != nil }
    }
  }

  /// Moves a request on. *Precondition*: it is not answered yet.
  mutating func update(_ id: RequestID, _ state: State) {
    guard let previous = states.updateValue(state, forKey: id) else {
      fatalError("request \(id.number) has been answered")
    }
    count(previous, by: -1)
    count(state, by: 1)
  }

  /// Takes a request out, because it is answered now; `nil`: it was before.
  @discardableResult
  mutating func remove(_ id: RequestID) -> State? {
    guard let state = states.removeValue(forKey: id) else { return nil }
    count(state, by: -1)
    return state
  }

  /// Takes out the requests whose time is over, the earliest deadline first.
  mutating func takeExpired(at now: Instant) -> [(id: RequestID, state: State)] {
    var expired: [(id: RequestID, state: State)] = []
    while let first = deadlines.first, first.deadline <= now {
      let id = deadlines.removeFirst().id
      if let state = remove(id) { expired.append((id, state)) }
    }
    return expired
  }

  /// Takes out everything, in the order of the deadlines.
  mutating func takeAll() -> [(id: RequestID, state: State)] { takeExpired(at: .distantFuture) }

  /// The commands that were sent in a term before this one, in the order of their ids.
  func sent(before term: Term) -> [RequestID] {
    states.keys.filter { id in
      switch states[id] {
      case .sent(_, term: let sentIn?)?, .change(sentIn: let sentIn?)?: sentIn < term
      case .sent(_, term: nil)?, .change(sentIn: nil)?, .waiting?, .waitingChange?, .read?,
        .transfer?, nil:
        false
      }
    }.sorted()
  }

  /// Takes out every command that may be in somebody's log, in the order of their ids.
  mutating func takeSent() -> [RequestID] {
    let sent = states.keys.filter { id in
      switch states[id] {
      case .sent?, .change?: true
      case .waiting?, .waitingChange?, .read?, .transfer?, nil: false
      }
    }.sorted()
    for id in sent { remove(id) }
    return sent
  }

  /// That an entry of a later term is applied no longer tells what became of commands of `term`.
  mutating func forget(_ term: Term) {
    for (id, state) in states {
      if case .sent(let commandBytes, term: term) = state {
        states[id] = .sent(commandBytes: commandBytes, term: nil)
      } else if case .change(sentIn: term) = state {
        states[id] = .change(sentIn: nil)
      }
    }
  }

  /// May be early, for a request that was answered meanwhile.
  var nextDeadline: Instant { deadlines.first?.deadline ?? .distantFuture }

  private mutating func count(_ state: State, by step: Int) {
    switch state {
    case .waiting(let request):
      proposalCount += step
      proposalBytes += step * request.command.count
    case .sent(let commandBytes, term: _):
      proposalCount += step
      proposalBytes += step * commandBytes
    case .read: readCount += step
    case .waitingChange, .change, .transfer: break
    }
  }
}
