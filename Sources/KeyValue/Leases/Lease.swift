import Base

/// A lease as the log has made it. Which keys hang on it, their rows say.
///
/// Its end is told on the *lease clock*: milliseconds that pass only while somebody leads. The
/// leader writes down now and then how far the clock has come (`LeaseTick`), so a change of the
/// leader takes nothing from a lease, and gives it no more than what was not written down.
public struct Lease: Hashable, Sendable {
  /// Chosen by the client, or by the member it asked; never zero.
  public var id: Int64
  /// Seconds, from one to nine billion (etcd lessor.go MaxLeaseTTL).
  public var grantedTTL: Int64
  /// The entry that granted it, or kept it alive last.
  public var renewedAt: UInt64
  /// When it ends on the lease clock; zero: not told since `renewedAt`, so that all of
  /// `grantedTTL` is left for whoever comes to lead.
  public var expiry: Int64

  public init(id: Int64, grantedTTL: Int64, renewedAt: UInt64, expiry: Int64 = 0) {
    self.id = id
    self.grantedTTL = grantedTTL
    self.renewedAt = renewedAt
    self.expiry = expiry
  }
}

/// How far the lease clock has come, and when leases end on it. Written by the leader alone.
public struct LeaseTick: Hashable, Sendable {
  /// The end of one lease.
  public struct End: Hashable, Sendable {
    public var id: Int64
    public var expiry: Int64

    public init(id: Int64, expiry: Int64) {
      self.id = id
      self.expiry = expiry
    }
  }

  public var time: Int64
  /// The last entry that the leader had applied: what was kept alive later keeps its time.
  public var asOf: UInt64
  public var dates: [End]

  public init(time: Int64, asOf: UInt64, dates: [End]) {
    self.time = time
    self.asOf = asOf
    self.dates = dates
  }
}

/// What an entry did to the leases, for whoever follows them.
public enum LeaseChange: Hashable, Sendable {
  /// Granted, kept alive or dated.
  case set(Lease)
  case removed(id: Int64)
  /// How far the lease clock has come.
  case clock(Int64)
}

/// All leases at one entry, ascending by id, and the lease clock.
public struct LeaseImage: Hashable, Sendable {
  public var time: Int64
  public var leases: [Lease]

  public init(time: Int64 = 0, leases: [Lease] = []) {
    self.time = time
    self.leases = leases
  }
}

/// What the meta of a state says of its leases.
public struct LeaseMeta: Hashable, Sendable {
  /// How far the lease clock has come, in milliseconds; zero: nobody ever said.
  public var time: Int64
  public var count: Int64
  /// Over all leases.
  public var digest: StateDigest

  public init(time: Int64 = 0, count: Int64 = 0, digest: StateDigest = StateDigest()) {
    self.time = time
    self.count = count
    self.digest = digest
  }
}

extension StateDigest {
  /// Of one lease.
  public init(of lease: Lease) {
    self.init()
    var hasher = WideHasher()
    hasher.absorb(
      UInt64(bitPattern: lease.id), UInt64(bitPattern: lease.grantedTTL), lease.renewedAt,
      UInt64(bitPattern: lease.expiry))
    lanes = hasher.finish()
  }

  /// Of a lease clock. Zero, of a store that never had a lease, adds nothing.
  fileprivate init(ofClock time: Int64) {
    self.init()
    guard time != 0 else { return }
    var hasher = WideHasher()
    hasher.absorb(UInt64(bitPattern: time), 0, 0, 1)
    lanes = hasher.finish()
  }
}

extension StateMeta {
  /// Over rows, leases, the lease clock and alarms: equal on all members at equal applied index.
  public var stateDigest: StateDigest {
    alarms.reduce(digest + leases.digest + StateDigest(ofClock: leases.time)) {
      $0 + StateDigest(of: $1)
    }
  }
}
