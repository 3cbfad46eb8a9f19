/// What entries do to leases (etcd lease/lessor.go).
extension Store {
  /// What a change of a lease occupies until it is flushed, about.
  private static let leaseBytes = 96

  /// *Throws* before it changes anything.
  mutating func run(
    _ command: LeaseCommand, _ writer: inout Writer
  ) throws(CommandError) -> CommandResult.Answer {
    switch command {
    case .grant(let id, let ttl):
      guard leases[id] == nil else { throw .leaseExists }
      set(Lease(id: id, grantedTTL: ttl, renewedAt: entry), &writer)
      return .leaseGrant(id: id, ttl: ttl)
    case .revoke(let id):
      guard leases[id] != nil else { throw .leaseNotFound }
      end(id, &writer)
      return .leaseRevoke
    case .keepAlive(let id):
      guard let lease = leases[id] else { return .leaseKeepAlive(id: id, ttl: 0) }
      set(Lease(id: id, grantedTTL: lease.grantedTTL, renewedAt: entry), &writer)
      return .leaseKeepAlive(id: id, ttl: lease.grantedTTL)
    case .expire(let id, let asOf):
      if let lease = leases[id], isUnchanged(lease, since: asOf) { end(id, &writer) }
      return .leaseTime
    case .tick(let tick):
      take(tick, &writer)
      return .leaseTime
    }
  }

  /// The number of the entry that is being applied.
  private var entry: UInt64 { state.meta.appliedIndex + 1 }

  /// Whether what the leader knew of the lease when it had applied `asOf` is still so.
  private func isUnchanged(_ lease: Lease, since asOf: UInt64) -> Bool {
    lease.renewedAt <= asOf
  }

  private mutating func take(_ tick: LeaseTick, _ writer: inout Writer) {
    // Two leaders never tick in one term, and the later one begins where the log has come.
    if tick.time > state.meta.leases.time {
      state.meta.leases.time = tick.time
      writer.leases.append(.clock(tick.time))
    }
    for date in tick.dates {
      guard var lease = leases[date.id], isUnchanged(lease, since: tick.asOf) else { continue }
      lease.expiry = date.expiry
      set(lease, &writer)
    }
  }

  private mutating func set(_ lease: Lease, _ writer: inout Writer) {
    if let before = leases[lease.id] {
      state.meta.leases.digest = state.meta.leases.digest - StateDigest(of: before)
    } else {
      state.meta.leases.count += 1
    }
    state.meta.leases.digest = state.meta.leases.digest + StateDigest(of: lease)
    leases.set(lease)
    note(lease.id, lease)
    writer.leases.append(.set(lease))
  }

  /// Deletes the keys, all in one revision and in their order, and then the lease.
  private mutating func end(_ id: Int64, _ writer: inout Writer) {
    guard let lease = leases[id] else { preconditionFailure("lease \(id) ends twice") }
    for key in leases.keys(on: id) {
      write(key, value: nil, lease: 0, &writer)
    }
    state.meta.leases.digest = state.meta.leases.digest - StateDigest(of: lease)
    state.meta.leases.count -= 1
    leases.remove(id)
    note(id, nil)
    writer.leases.append(.removed(id: id))
  }

  private mutating func note(_ id: Int64, _ lease: Lease?) {
    leaseJournal.append((entry, id, lease))
    appliedBytes += Store.leaseBytes
  }
}
