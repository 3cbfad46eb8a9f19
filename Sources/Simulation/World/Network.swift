import Base
import Raft

/// The links between members: which are cut, and when what was sent arrives.
struct Network {
  private let count: Int
  /// `cut[from * count + to]`.
  private var cut: [Bool]
  /// When the last message sent in order arrives, on each link.
  private var lastArrival: [Instant]
  /// Since when each link is as it is; zero: since the beginning.
  private var changedAt: [Instant]

  init(count: Int) {
    self.count = count
    cut = Array(repeating: false, count: count * count)
    lastArrival = Array(repeating: .zero, count: count * count)
    changedAt = Array(repeating: .zero, count: count * count)
  }

  func isOpen(_ from: Int, _ to: Int) -> Bool { !cut[from * count + to] }

  func isOpenBothWays(_ left: Int, _ right: Int) -> Bool {
    isOpen(left, right) && isOpen(right, left)
  }

  /// Since when both directions are as they are now.
  func unchangedSince(_ left: Int, _ right: Int) -> Instant {
    max(changedAt[left * count + right], changedAt[right * count + left])
  }

  var isWhole: Bool { !cut.contains(true) }

  mutating func set(_ from: Int, _ to: Int, isCut: Bool, at now: Instant) {
    guard from != to, cut[from * count + to] != isCut else { return }
    cut[from * count + to] = isCut
    changedAt[from * count + to] = now
  }

  mutating func heal(at now: Instant) {
    for from in 0..<count {
      for to in 0..<count { set(from, to, isCut: false, at: now) }
    }
  }

  /// Only members of one group reach each other; who is in no group reaches nobody.
  mutating func partition(_ groups: [[Int]], at now: Instant) {
    for from in 0..<count {
      for to in 0..<count {
        let together = groups.contains { $0.contains(from) && $0.contains(to) }
        set(from, to, isCut: !together, at: now)
      }
    }
  }

  /// The halves on both sides of `bridge` reach each other only through it.
  mutating func bridge(_ bridge: Int, at now: Instant) {
    let others = (0..<count).filter { $0 != bridge }
    let half = others.count / 2
    partition([Array(others[..<half]) + [bridge], Array(others[half...]) + [bridge]], at: now)
  }

  /// Everyone reaches the neighbours only.
  mutating func ring(at now: Instant) {
    for from in 0..<count {
      for to in 0..<count {
        let distance = (from - to + count) % count
        set(from, to, isCut: distance != 1 && distance != count - 1, at: now)
      }
    }
  }

  /// Everyone reaches the hub only (OmniPaxos, "quorum loss").
  mutating func star(_ hub: Int, at now: Instant) {
    partition((0..<count).filter { $0 != hub }.map { [$0, hub] }, at: now)
  }

  /// A ring with one link missing: who stands at the ends reaches one neighbour (OmniPaxos,
  /// "chained").
  mutating func chain(from end: Int, at now: Instant) {
    let order = (0..<count).map { (end + $0) % count }
    partition(zip(order, order.dropFirst()).map { [$0, $1] }, at: now)
  }

  /// When a message sent now arrives if nothing overtakes it.
  mutating func arrival(_ from: Int, _ to: Int, after delay: Duration, now: Instant) -> Instant {
    let link = from * count + to
    lastArrival[link] = max(now + delay, lastArrival[link])
    return lastArrival[link]
  }
}
