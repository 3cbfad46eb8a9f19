/// The leases, and which key hangs on which. Of the replicated state, but no part of a read view:
/// what reads it is rare, and runs where the store is.
struct LeaseTable: Sendable {
  private struct Holder: Sendable {
    var lease: Lease
    var keys: Set<[UInt8]> = []
  }

  private var holders: [Int64: Holder] = [:]
  /// Of the keys alive that hang on a lease.
  private var leaseOf: [[UInt8]: Int64] = [:]

  subscript(id: Int64) -> Lease? { holders[id]?.lease }

  var count: Int { holders.count }

  /// Ascending by id.
  var all: [Lease] { holders.values.map(\.lease).sorted { $0.id < $1.id } }

  /// The keys that hang on a lease, in their order.
  func keys(on id: Int64) -> [[UInt8]] {
    (holders[id]?.keys ?? []).sorted { ByteOrder.compare($0, $1) < 0 }
  }

  /// A new lease, or one whose time has changed.
  mutating func set(_ lease: Lease) {
    precondition(lease.id != 0, "a lease without an id")
    if holders[lease.id] == nil {
      holders[lease.id] = Holder(lease: lease)
    } else {
      holders[lease.id]?.lease = lease
    }
  }

  /// *Precondition*: no key hangs on it any more.
  mutating func remove(_ id: Int64) {
    let holder = holders.removeValue(forKey: id)
    precondition(holder?.keys.isEmpty != false, "keys hang on lease \(id), which ends")
  }

  /// The key hangs on this lease from now on; zero: on none. *Precondition*: the lease exists.
  mutating func attach(_ key: [UInt8], to id: Int64) {
    guard id != 0 || !leaseOf.isEmpty else { return }
    let before = id == 0 ? leaseOf.removeValue(forKey: key) : leaseOf.updateValue(id, forKey: key)
    guard before != id else { return }
    if let before { holders[before]?.keys.remove(key) }
    guard id != 0 else { return }
    precondition(holders[id] != nil, "lease \(id) does not exist")
    holders[id]?.keys.insert(key)
  }
}
