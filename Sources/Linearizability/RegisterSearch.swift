/// Searches an order that explains all operations on one key: a register with put, get, delete and
/// compare-and-swap (Wing and Gong 1993; Lowe 2017, "Testing for linearizability").
///
/// The search walks the calls and answers in time. It may let any operation take effect whose call
/// it has passed; it must not pass the answer of one that has not. Where it cannot go on it takes
/// the last decision back. Lowe's addition is to remember each (operations done, value) it has
/// been in: the way there does not matter.
struct RegisterSearch {
  enum Result: Equatable {
    case linearizable
    case impossible
    case undecided
  }

  /// A value of the register as a small number; zero: the key does not exist.
  typealias Value = Int

  /// What taking effect does, with values as numbers.
  struct Step: Equatable {
    enum Effect: Equatable {
      case read(Value)
      case set(Value)
      /// A delete that found a key.
      case remove
      /// A delete that found none.
      case removeNothing
      case swap(expected: Value, Value)
      /// A compare-and-swap that found something else.
      case differ(from: Value)
      /// A delete of which nobody knows what it found.
      case clear
    }

    var effect: Effect
    var invoked: Int64
    /// `nil`: it may take effect at any time after its call, or never.
    var completed: Int64?

    /// The register after this step; `nil`: it cannot take effect here, or would change nothing
    /// and need not.
    func after(_ value: Value) -> Value? {
      switch effect {
      case .read(let seen): return value == seen ? value : nil
      case .set(let new): return new
      case .remove: return value != 0 ? 0 : nil
      case .removeNothing: return value == 0 ? 0 : nil
      case .swap(let expected, let new): return value == expected ? new : nil
      case .differ(let expected): return value != expected ? value : nil
      case .clear: return value != 0 ? 0 : nil
      }
    }
  }

  private let steps: [Step]
  private let stepLimit: Int

  /// *Precondition*: operations on one key, in order of invocation. Refused operations and reads
  /// without an answer say nothing and are left out.
  init(_ operations: [History.Operation], stepLimit: Int) {
    var values: [String: Value] = [:]
    self.init(
      steps: operations.compactMap { Self.step(of: $0, &values) }, stepLimit: stepLimit)
  }

  init(steps: [Step], stepLimit: Int) {
    self.steps = steps
    self.stepLimit = stepLimit
  }

  /// The operation as a step; `nil`: it says nothing. `values` numbers the values met so far.
  static func step(of operation: History.Operation, _ values: inout [String: Value]) -> Step? {
    func number(_ value: String?) -> Value {
      guard let value else { return 0 }
      if let known = values[value] { return known }
      values[value] = values.count + 1
      return values.count
    }
    let effect: Step.Effect
    var completed = operation.completed
    switch (operation.call, operation.outcome) {
    case (_, .refused), (.get, .unknown), (.scan, _):
      return nil
    case (.put(_, let value), .unknown):
      (effect, completed) = (.set(number(value)), nil)
    case (.delete, .unknown):
      (effect, completed) = (.clear, nil)
    case (.compareAndSwap(_, let expected, let value), .unknown):
      (effect, completed) = (.swap(expected: number(expected), number(value)), nil)
    case (.compareAndSwap(_, let expected, let value), .swapped(let swapped, _)):
      effect =
        swapped
        ? .swap(expected: number(expected), number(value)) : .differ(from: number(expected))
    case (.put(_, let value), _):
      effect = .set(number(value))
    case (.delete, .deleted(let existed, _)):
      effect = existed ? .remove : .removeNothing
    case (.get, .got(let value, _, _)):
      effect = .read(number(value))
    case (.delete, _), (.compareAndSwap, _), (.get, _):
      fatalError("\(operation) has an answer that does not fit")
    }
    return Step(effect: effect, invoked: operation.invoked, completed: completed)
  }

  func result() -> Result {
    var walk = Walk(steps)
    return walk.result(stepLimit: stepLimit)
  }
}

/// The state of one search: the calls and answers not yet dealt with, as a list in time.
private struct Walk {
  /// A call, or the answer, of one step.
  private struct Event {
    var step: Int
    var isCall: Bool
    var next: Int
    var previous: Int
  }

  /// A decision that may be taken back.
  private struct Decision {
    var call: Int
    var valueBefore: RegisterSearch.Value
  }

  private let steps: [RegisterSearch.Step]
  /// The head is event zero; zero as a link is the end.
  private var events: [Event] = [Event(step: -1, isCall: false, next: 0, previous: 0)]
  /// The answer's event of each step; zero: none.
  private var answerOf: [Int]
  private var openAnswers = 0
  private var value: RegisterSearch.Value = 0
  private var done: DoneSet
  private var decisions: [Decision] = []

  init(_ steps: [RegisterSearch.Step]) {
    self.steps = steps
    answerOf = Array(repeating: 0, count: steps.count)
    done = DoneSet(steps)
    var moments: [(instant: Int64, isAnswer: Bool, step: Int)] = []
    for (number, step) in steps.enumerated() {
      moments.append((step.invoked, false, number))
      if let completed = step.completed { moments.append((completed, true, number)) }
    }
    // A call at the instant of an answer comes first: the two overlap.
    moments.sort {
      if $0.instant != $1.instant { return $0.instant < $1.instant }
      if $0.isAnswer != $1.isAnswer { return $1.isAnswer }
      return $0.step < $1.step
    }
    for moment in moments {
      let number = events.count
      events[number - 1].next = number
      events.append(
        Event(step: moment.step, isCall: !moment.isAnswer, next: 0, previous: number - 1))
      if moment.isAnswer {
        answerOf[moment.step] = number
        openAnswers += 1
      }
    }
  }

  mutating func result(stepLimit: Int) -> RegisterSearch.Result {
    var visited: Set<Visited> = []
    var stepsLeft = stepLimit
    var at = events[0].next
    while openAnswers > 0 {
      stepsLeft -= 1
      if stepsLeft == 0 { return .undecided }
      if at != 0 && events[at].isCall {
        let step = events[at].step
        if let after = steps[step].after(value) {
          done.insert(step)
          if visited.insert(Visited(done: done.key, value: after)).inserted {
            decisions.append(Decision(call: at, valueBefore: value))
            value = after
            lift(at)
            at = events[0].next
            continue
          }
          done.remove(step)
        }
        at = events[at].next
        continue
      }
      // An answer of something not done, or nothing left to try: take a decision back.
      guard let last = decisions.popLast() else { return .impossible }
      value = last.valueBefore
      done.remove(events[last.call].step)
      unlift(last.call)
      at = events[last.call].next
    }
    return .linearizable
  }

  private mutating func lift(_ call: Int) {
    unlink(call)
    let answer = answerOf[events[call].step]
    if answer != 0 {
      unlink(answer)
      openAnswers -= 1
    }
  }

  private mutating func unlift(_ call: Int) {
    let answer = answerOf[events[call].step]
    if answer != 0 {
      relink(answer)
      openAnswers += 1
    }
    relink(call)
  }

  private mutating func unlink(_ event: Int) {
    let (previous, next) = (events[event].previous, events[event].next)
    events[previous].next = next
    if next != 0 { events[next].previous = previous }
  }

  private mutating func relink(_ event: Int) {
    let (previous, next) = (events[event].previous, events[event].next)
    events[previous].next = event
    if next != 0 { events[next].previous = event }
  }
}

/// A place where a search has been.
private struct Visited: Hashable {
  var done: [UInt64]
  var value: RegisterSearch.Value
}

/// Which steps have taken effect.
///
/// Answered steps fill up from the front, so their full words are only counted; steps that may
/// never take effect have bits of their own.
private struct DoneSet {
  private let slotOf: [Int]
  private let answeredWords: Int
  private var words: [UInt64]

  init(_ steps: [RegisterSearch.Step]) {
    let answered = steps.count { $0.completed != nil }
    answeredWords = (answered + 63) / 64
    var (nextAnswered, nextOpen) = (0, answeredWords * 64)
    slotOf = steps.map { step in
      if step.completed != nil {
        nextAnswered += 1
        return nextAnswered - 1
      }
      nextOpen += 1
      return nextOpen - 1
    }
    words = Array(repeating: 0, count: (nextOpen + 63) / 64)
  }

  mutating func insert(_ step: Int) { words[slotOf[step] >> 6] |= 1 << UInt64(slotOf[step] & 63) }

  mutating func remove(_ step: Int) {
    words[slotOf[step] >> 6] &= ~(1 << UInt64(slotOf[step] & 63))
  }

  /// Equal for equal sets: how many words are full at the front and how many follow up to the
  /// last used one, then those, then the words of the steps that need not happen.
  var key: [UInt64] {
    var first = 0
    while first < answeredWords && words[first] == .max { first += 1 }
    var end = answeredWords
    while end > first && words[end - 1] == 0 { end -= 1 }
    return [UInt64(first), UInt64(end)] + words[first..<end] + words[answeredWords...]
  }
}
