import Linearizability

/// Draws for tests; the same seed gives the same draws everywhere.
struct Dice {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// A draw in `0 ..< bound`.
  mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int((state >> 11) % UInt64(bound))
  }

  mutating func chance(oneIn bound: Int) -> Bool { below(bound) == 0 }
}

/// A store that does one thing at a time, and clients whose calls overlap around it: every history
/// it makes is linearizable.
struct AtomicStore {
  var revision: Int64 = 1
  var contents: [String: String] = [:]

  mutating func answer(_ call: History.Call) -> History.Outcome {
    switch call {
    case .put(let key, let value):
      contents[key] = value
      revision += 1
      return .put(revision: revision)
    case .delete(let key):
      let existed = contents.removeValue(forKey: key) != nil
      if existed { revision += 1 }
      return .deleted(existed: existed, revision: revision)
    case .compareAndSwap(let key, let expected, let value):
      let holds = contents[key] == expected
      if holds {
        contents[key] = value
        revision += 1
      }
      return .swapped(holds, revision: revision)
    case .get(let key, _):
      return .got(contents[key], revision: revision, age: nil)
    case .scan:
      let pairs = contents.map { History.Pair(key: $0.key, value: $0.value) }
      return .scanned(
        pairs.sorted { History.precedes($0.key, $1.key) }, revision: revision, age: nil)
    }
  }
}

/// A history of several clients on an `AtomicStore`, drawn from a seed.
struct RandomHistory {
  /// How answers get lost; both one in so many.
  var refusedOneIn = 12
  var unknownOneIn = 8
  var keys = 3
  var clients = 5
  var calls = 120

  private struct Pending {
    var id: History.OperationID
    var call: History.Call
    var effectAt: Int64
    var answerAt: Int64
    var outcome: History.Outcome?
  }

  func history(seed: UInt64) -> History {
    var dice = Dice(seed: seed)
    var store = AtomicStore()
    var history = History(initialRevision: 1)
    var pending: [Pending?] = Array(repeating: nil, count: clients)
    var invoked = 0
    var now: Int64 = 0
    while invoked < calls || pending.contains(where: { $0 != nil }) {
      now += 1
      for client in 0..<clients {
        guard var call = pending[client] else {
          if invoked < calls && dice.chance(oneIn: 4) {
            pending[client] = invoke(&history, client, invoked, now, &dice)
            invoked += 1
          }
          continue
        }
        if call.effectAt == now { call.outcome = effect(of: call.call, &store, &dice) }
        pending[client] = call
        if call.answerAt == now {
          history.complete(call.id, call.outcome ?? .unknown, at: now)
          pending[client] = nil
        }
      }
    }
    return history
  }

  private func invoke(
    _ history: inout History, _ client: Int, _ number: Int, _ now: Int64, _ dice: inout Dice
  ) -> Pending {
    let key = "k\(dice.below(keys))"
    let call: History.Call
    switch dice.below(8) {
    case 0, 1, 2: call = .put(key: key, value: "v\(number)")
    case 3: call = .delete(key: key)
    case 4:
      let guess = number < 4 ? nil : "v\(number - 1 - dice.below(4))"
      call = .compareAndSwap(key: key, expected: guess, value: "v\(number)")
    case 5: call = .scan(.linearizable)
    default: call = .get(key: key, .linearizable)
    }
    let id = history.invoke(call, by: client, session: client, at: now)
    let effectAt = now + 1 + Int64(dice.below(6))
    return Pending(
      id: id, call: call, effectAt: effectAt, answerAt: effectAt + Int64(dice.below(6)))
  }

  /// Lost before the store, refused by it, or done; and then perhaps lost on the way back.
  private func effect(
    of call: History.Call, _ store: inout AtomicStore, _ dice: inout Dice
  ) -> History.Outcome {
    if dice.chance(oneIn: refusedOneIn) { return .refused }
    if dice.chance(oneIn: unknownOneIn) { return .unknown }
    let outcome = store.answer(call)
    return dice.chance(oneIn: unknownOneIn) ? .unknown : outcome
  }
}

extension History {
  /// The same history with other answers; `nil` leaves an answer as it is.
  func answering(_ change: (Operation) -> Outcome?) -> History {
    var copy = History(initialRevision: initialRevision)
    var ends: [(instant: Int64, id: OperationID, outcome: Outcome)] = []
    for operation in operations {
      let id = copy.invoke(
        operation.call, by: operation.client, session: operation.session, at: operation.invoked)
      if let completed = operation.completed {
        ends.append((completed, id, change(operation) ?? operation.outcome))
      }
    }
    for end in ends { copy.complete(end.id, end.outcome, at: end.instant) }
    return copy
  }
}

/// A history written down by hand, a line an operation.
struct Script {
  private(set) var history: History

  init(initialRevision: Int64? = nil) { history = History(initialRevision: initialRevision) }

  /// An operation during `[from, to]`; each client is its own session.
  mutating func client(
    _ client: Int, _ from: Int64, _ to: Int64, _ call: History.Call, _ outcome: History.Outcome
  ) {
    let id = history.invoke(call, by: client, session: client, at: from)
    history.complete(id, outcome, at: to)
  }
}
