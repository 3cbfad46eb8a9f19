import Base
import KeyValue
import RPC
import Raft
import Replica
import Services
import Synchronization

/// A client's call that waits for the replica.
struct Waiter: Sendable {
  enum Kind: Sendable {
    /// `waitsForScrub`: answered only when what was compacted is gone from the files.
    case command(waitsForScrub: Bool)
    case read(ReadPlan)
    case memberList
    case timeToLive(LeaseService.Question)
    case leases
    /// The remaining time of the lease is known, its keys are asked for.
    case leaseKeys(Int64, granted: Int64, left: Duration)
    /// A read that is ready, and waits for the state to be shown.
    case ready(ReadPlan, ReadReady)
    case defragment
    /// A change of the members.
    case change(ClusterService.Call)
    case moveLeader
    case hashKV(revision: Int64)
    /// `nil`: of every kind.
    case alarms(AlarmKind?)
  }

  var call: UnaryCall
  var kind: Kind
  var arrived: Instant
}

/// Every call that waits, found again by the number of its request.
///
/// A number belongs to the shard of the client loop that gave it out, so loops rarely meet at a
/// lock, and whoever has the outcome (the applier, the replica) takes the call and answers it.
final class WaiterTable: Sendable {
  private final class Shard: Sendable {
    let waiters = Mutex<[UInt64: Waiter]>([:])
  }

  private let shards: [Shard]
  private let limit: Int
  private let lastNumber = Atomic<UInt64>(0)

  /// `limit`: calls that may wait in one shard.
  init(shards count: Int, limit: Int) {
    shards = (0..<count).map { _ in Shard() }
    self.limit = limit
  }

  /// A number for a request that no client waits for.
  func reserve() -> RequestID {
    let number = lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    return RequestID(number * UInt64(shards.count))
  }

  /// `nil`: too many wait.
  func insert(_ waiter: Waiter, shard: Int) -> RequestID? {
    let count = UInt64(shards.count)
    let number =
      lastNumber.wrappingAdd(1, ordering: .relaxed).newValue * count + UInt64(shard)
    let isTaken = shards[shard].waiters.withLock { waiters in
      guard waiters.count < limit else { return false }
      waiters[number] = waiter
      return true
    }
    return isTaken ? RequestID(number) : nil
  }

  /// Takes the call out, so that it is answered once; `nil`: it was before.
  func take(_ id: RequestID) -> Waiter? {
    shards[shard(of: id)].waiters.withLock { $0.removeValue(forKey: id.number) }
  }

  /// What kind of call waits, which stays; `nil`: it has been taken.
  func kind(of id: RequestID) -> Waiter.Kind? {
    shards[shard(of: id)].waiters.withLock { $0[id.number]?.kind }
  }

  func shard(of id: RequestID) -> Int { Int(id.number % UInt64(shards.count)) }

  var count: Int { shards.reduce(0) { $0 + $1.waiters.withLock { $0.count } } }
}
