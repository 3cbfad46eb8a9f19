import Base

// Linearizability: was what the clients saw possible in one store that does one thing at a time?
//
// Reading order:
//
// 1. `History`         what the clients asked, what they were told, and when;
// 2. `RevisionOrder`   the whole store at once: a store that numbers its changes has told us the
//                      order, so that almost every lie is found in one sweep over the history;
// 3. `RegisterSearch`  one key at a time, without believing any revision: the search of Wing and
//                      Gong (1993) with Lowe's memory of visited states (2017);
// 4. `Witness`         from "no order explains this" to the few operations that contradict;
// 5. `Checker`         the door; `Verdict` is what comes out.
//
// Linearizability is local (Herlihy and Wing 1990, Theorem 1): if each key's history is
// linearizable, so is the whole. What locality does not give is that the revisions of different
// keys agree with one order; that is what `RevisionOrder` is for.
//
// Left out: transactions over several keys, leases and watches as operations of a history
// (Knossos and Elle, jepsen.io, treat the general case).

/// Decides whether a history is one of a linearizable store.
public struct Checker: Sendable {
  /// How many states one key's search may visit before it gives up as undecided.
  public var stepLimit: Int

  public init(stepLimit: Int = 2_000_000) {
    demand(stepLimit > 0, "a search of \(stepLimit) steps decides nothing")
    self.stepLimit = stepLimit
  }

  /// The verdict on the whole history; the first contradiction found is the one told.
  public func verdict(on history: History) -> Verdict {
    if let violation = RevisionOrder(history).violation() {
      return .violated(violation)
    }
    var undecided: [String] = []
    for (key, operations) in history.operationsByKey() {
      let search = RegisterSearch(operations, stepLimit: stepLimit)
      switch search.result() {
      case .linearizable:
        continue
      case .impossible:
        return .violated(Witness(operations, stepLimit: stepLimit).violation(ofKey: key))
      case .undecided:
        undecided.append(key)
      }
    }
    return undecided.isEmpty ? .linearizable : .undecided(keys: undecided)
  }
}
