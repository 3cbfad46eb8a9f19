import Base
import KeyValue

/// A client that watches: one watch on a stream of its own, which it opens anew at another member
/// when it is lost, and goes on where it stands. What it is owed, `WatchGuarantees` knows.
struct Watcher {
  var dice: SplitMix64
  let number: Int
  var request: WatchRequest
  /// The stream it has; zero: none.
  var stream = WatchStreamID(0)
  /// The member at the other end.
  var member = 0
  /// The creation was answered.
  var isCreated = false
  /// Nothing before it is owed any more; zero: the creation says.
  var next: Int64 = 0
  /// Its stream is to end when nobody leads.
  var requiresLeader = false
  var openedAt = Instant.zero
  /// It reads nothing for a while.
  var isBlocked = false
  /// When what was sent last arrives: a stream keeps its order.
  var lastArrival = Instant.zero

  init(dice: SplitMix64, number: Int) {
    self.dice = dice
    self.number = number
    request = WatchRequest(range: KeyRange(key: []))
  }

  /// What it watches from now on: one key or all, with or without what was before, and rarely only
  /// half of the events.
  mutating func draw(keys: Int) {
    if dice.chance(1, in: 2) {
      let key = "k\(dice.index(below: keys))"
      request = WatchRequest(range: KeyRange(key: Array(key.utf8)))
    } else {
      request = WatchRequest(range: KeyRange(key: [0], end: [0]))
    }
    request.previousPairs = dice.chance(1, in: 2)
    request.progressNotify = dice.chance(1, in: 2)
    requiresLeader = dice.chance(1, in: 3)
    switch dice.index(below: 8) {
    case 0: request.withoutPuts = true
    case 1: request.withoutDeletes = true
    default: break
    }
  }
}

/// What a member sends to a watcher.
enum WatchNews {
  case created(current: Int64)
  case cancelled
  case refused
  /// Each change with the pair before it, as far as it was told.
  case events([ChangePiece.Change], header: Int64)
  case progress(Int64)
  case compacted(Int64)
  case ended
}
