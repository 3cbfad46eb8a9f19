import Base
import Host
import KeyValue
import Member
import RPC
import Replica
import Services

/// A client's call that waits for another thread.
struct Waiter {
  enum Kind {
    /// `waitsForPurge`: answered only when what was compacted is gone from the files.
    case command(waitsForPurge: Bool)
    /// A compaction that is applied, and waits for the rows to go.
    case purge(CommandResult)
    case read(ReadPlan)
    case memberList
    case timeToLive(LeaseService.Question)
    case leases
    /// The remaining time of the lease is known, its keys are asked for.
    case leaseKeys(Int64, LeaseTime)
    /// A read that is ready, and waits for the state to be shown.
    case ready(ReadPlan, ReadReady)
    /// A read that is ready, and waits for rows.
    case rows(ReadPlan, ReadReady)
    case defragment
    /// A change of the members.
    case change(ClusterService.Call)
    case moveLeader
    case hashKV(revision: Int64)
    /// `nil`: of every kind.
    case alarms(AlarmKind?)
    case status
  }

  var call: OpenCall
  var kind: Kind
  var arrived: Instant
}

/// Gives the requests of one client loop their numbers. Confined to its loop.
final class RequestCounter {
  private let numbers: RequestNumbers
  private let loop: Int
  private var count: UInt64 = 0

  init(_ numbers: RequestNumbers, loop: Int) {
    self.numbers = numbers
    self.loop = loop
  }

  func next() -> RequestID {
    count += 1
    return numbers.id(count, ofLoop: loop)
  }
}

/// What waits on one client loop, found again by the number of its request. Confined to its loop.
struct WaiterTable<Waiter> {
  private var waiters: [UInt64: Waiter] = [:]
  private let requests: RequestCounter
  private let limit: Int
  /// Counts them for people.
  private let pending: Gauge

  /// `limit`: how many may wait.
  init(_ requests: RequestCounter, limit: Int, pending: Gauge) {
    self.requests = requests
    self.limit = limit
    self.pending = pending
  }

  /// `nil`: too many wait.
  mutating func insert(_ waiter: Waiter) -> RequestID? {
    guard waiters.count < limit else { return nil }
    let id = requests.next()
    waiters[id.number] = waiter
    pending.change(by: 1)
    return id
  }

  /// Takes it out, so that it is answered once; `nil`: it was before.
  mutating func take(_ id: RequestID) -> Waiter? {
    guard let waiter = waiters.removeValue(forKey: id.number) else { return nil }
    pending.change(by: -1)
    return waiter
  }
}
