/// The bytes of what an entry asks of the leases (Docs/WireFormat.md).
private enum Tag {
  static let grant: UInt8 = 1
  static let revoke: UInt8 = 2
  static let keepAlive: UInt8 = 3
  static let expire: UInt8 = 4
  static let tick: UInt8 = 5
}

extension Command {
  /// The oldest version of the encoding whose readers do with it what this program does.
  var version: UInt8 {
    switch self {
    case .put(let request): request.lease == 0 ? 1 : 2
    case .deleteRange, .compaction: 1
    case .txn(let request): request.namesLease ? 2 : 1
    case .lease: 2
    case .upkeep: 3
    }
  }
}

extension TxnRequest {
  /// A put in it, nested ones included, hangs its key on a lease.
  fileprivate var namesLease: Bool {
    [success, failure].contains { operations in
      operations.contains { operation in
        switch operation {
        case .range, .deleteRange: false
        case .put(let request): request.lease != 0
        case .txn(let nested): nested.namesLease
        }
      }
    }
  }
}

extension ByteWriter {
  mutating func lease(_ command: LeaseCommand) {
    switch command {
    case .grant(let id, let ttl):
      byte(Tag.grant)
      signed(id)
      signed(ttl)
    case .revoke(let id):
      byte(Tag.revoke)
      signed(id)
    case .keepAlive(let id):
      byte(Tag.keepAlive)
      signed(id)
    case .expire(let id, let asOf):
      byte(Tag.expire)
      signed(id)
      number(asOf)
    case .tick(let tick):
      byte(Tag.tick)
      signed(tick.time)
      number(tick.asOf)
      number(UInt64(tick.dates.count))
      for date in tick.dates {
        signed(date.id)
        signed(date.expiry)
      }
    }
  }
}

extension ByteReader {
  mutating func leaseCommand() throws(MalformedBytes) -> LeaseCommand {
    switch try byte() {
    case Tag.grant: return .grant(id: try leaseID(), ttl: try signed())
    case Tag.revoke: return .revoke(id: try signed())
    case Tag.keepAlive: return .keepAlive(id: try signed())
    case Tag.expire: return .expire(id: try signed(), asOf: try number())
    case Tag.tick:
      var tick = LeaseTick(time: try instant(), asOf: try number(), dates: [])
      for _ in 0..<(try count(ofAtLeast: 2)) {
        tick.dates.append(LeaseTick.End(id: try signed(), expiry: try instant()))
      }
      return .tick(tick)
    default: throw MalformedBytes()
    }
  }

  /// Nothing happened before the lease clock began.
  private mutating func instant() throws(MalformedBytes) -> Int64 {
    let instant = try signed()
    guard instant >= 0 else { throw MalformedBytes() }
    return instant
  }

  /// No lease has the id zero: a key that hangs on it hangs on none.
  private mutating func leaseID() throws(MalformedBytes) -> Int64 {
    let id = try signed()
    guard id != 0 else { throw MalformedBytes() }
    return id
  }
}
