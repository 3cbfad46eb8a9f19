import Raft

/// Walks through every state that a small scope allows, nearest first, and looks at each: a
/// breadth-first search over real cores. So the first violation that it meets is reached by as few
/// moves as any.
///
/// # What a state is
///
/// The members, each with its core, its disk, its state machine (the list of entries that it has
/// applied) and the writes between them; the messages on their way; what of the past could still
/// be contradicted (`HistoryVariables`); and what may still be done (`GlobalState.Budget`). Not
/// part of it: instants, dice and tickets, which `RaftCore.forgetTime` sets to fixed values. Each
/// member has a clock of its own, and it runs when a move says so.
///
/// # Why it is quick
///
/// A core is a value. Equal members are numbered once (`Interner`), and each event steps the real
/// core once in each of their states (`StepCache`); a state of the world is a few numbers. States
/// that differ only in who is who are one: the least fingerprint under all renamings names it.
///
/// # What is not there
///
/// Loss needs no move: a message that never arrives is lost, and whoever is never heard again is
/// cut off. Transfers, sessions and snapshots that arrive in part are left to the seeds
/// (Docs/Simulation.md).
public struct Explorer {
  public let scope: Scope
  var cache: StepCache
  var histories: Interner<HistoryVariables>
  var visited = VisitedStates()
  /// Whether two logs, by their numbers, match.
  var matches: [UInt64: Bool] = [:]
  let renamingCount: Int
  /// Where the search stands: for whoever must know before a core is stepped for the first time.
  private var state: UInt32 = 0
  private var move: Move?
  private let willStep: ((String) -> Void)?
  private var movesTried = 0

  /// `willStep` gets, before any core takes a step for the first time, the trail that leads there:
  /// a broken invariant inside the core traps and ends the process.
  public init(_ scope: Scope, willStep: ((String) -> Void)? = nil) {
    self.scope = scope
    self.willStep = willStep
    let names = renamings(of: scope.ids)
    renamingCount = names.count
    cache = StepCache(scope: scope, renamings: names)
    histories = Interner(kind: 3, renamings: names)
  }

  /// Nobody has ever heard of anybody.
  mutating func initialState() -> GlobalState {
    GlobalState(
      budget: GlobalState.Budget(scope),
      history: histories.number(of: HistoryVariables(), canonicalize: HistoryVariables.canonicalize)
        .number,
      members: scope.ids.map { cache.number(of: ExploredMember(id: $0, scope: scope)) },
      packets: [])
  }

  /// Walks until nothing is new, something is wrong, or `goOn` says no. It is told what has been
  /// seen so far after each depth.
  public mutating func run(goOn: (Exploration) -> Bool = { _ in true }) -> Exploration {
    let first = initialState()
    var frontier = Frontier()
    if let state = visited.insert(fingerprint(of: first), parent: 0, move: Move(.timeOut)) {
      frontier.append(first, state: state)
    }
    var result = Exploration(scope: scope)
    while frontier.count > 0 {
      var next = Frontier()
      let violation = expand(frontier, into: &next)
      count(into: &result, frontier: next.count)
      if let violation {
        result.violation = violation
        result.story = story(of: path)
        result.depth += 1
        return result
      }
      if next.count > 0 { result.depth += 1 }
      result.isComplete = next.count == 0
      if result.depth == scope.depthLimit || !goOn(result) { return result }
      frontier = next
    }
    return result
  }

  /// Everything that can happen next in each of these states.
  private mutating func expand(_ frontier: Frontier, into next: inout Frontier) -> Violation? {
    var offset = 0
    var moves: [Move] = []
    while let (global, state) = frontier.next(at: &offset, members: scope.memberCount) {
      self.state = state
      listMoves(in: global, &moves)
      for move in moves {
        self.move = move
        movesTried += 1
        var after = global
        switch make(move, in: &after) {
        case .nothing: continue
        case .violation(let violation): return violation
        case .moved: break
        }
        tidy(&after)
        if let number = visited.insert(fingerprint(of: after), parent: state, move: move) {
          next.append(after, state: number)
        }
      }
    }
    return nil
  }

  /// The moves up to the one that is being made.
  private var path: [Move] { visited.path(to: state) + (move.map { [$0] } ?? []) }

  private func count(into result: inout Exploration, frontier: Int) {
    result.states = visited.count
    result.frontier = frontier
    result.moves = movesTried
    result.memberStates = cache.memberViews.count
    result.steps = cache.steps.count
  }

  /// The least of the fingerprints under all names that the members could have.
  private func fingerprint(of global: GlobalState) -> Fingerprint {
    var least = Fingerprint(high: .max, low: .max)
    for renaming in 0..<renamingCount {
      var sum = histories.fingerprints[Int(global.history) * renamingCount + renaming]
      for member in global.members {
        sum = sum + cache.members.fingerprints[Int(member) * renamingCount + renaming]
      }
      for packet in global.packets {
        sum = sum + cache.packets.fingerprints[Int(packet) * renamingCount + renaming]
      }
      if sum < least { least = sum }
    }
    return least + Fingerprint(kind: 4, [UInt64(global.budget.code)])
  }

  /// What the event makes of this member: looked up, or found out by the real core.
  mutating func step(_ event: LocalEvent, of member: UInt32) -> LocalStep {
    if let known = cache.known(member, event) { return cache.steps[known] }
    willStep?(trail(of: path))
    let number = cache.take(member, event)
    return cache.steps[number]
  }
}
