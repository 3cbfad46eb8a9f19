import Base

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
      write(Tag.grant)
      write(zigzag: id)
      write(zigzag: ttl)
    case .revoke(let id):
      write(Tag.revoke)
      write(zigzag: id)
    case .keepAlive(let id):
      write(Tag.keepAlive)
      write(zigzag: id)
    case .expire(let id, let asOf):
      write(Tag.expire)
      write(zigzag: id)
      write(varint: asOf)
    case .tick(let tick):
      write(Tag.tick)
      write(zigzag: tick.time)
      write(varint: tick.asOf)
      write(varint: UInt64(tick.dates.count))
      for date in tick.dates {
        write(zigzag: date.id)
        write(zigzag: date.expiry)
      }
    }
  }
}

extension ByteReader {
  mutating func leaseCommand() throws(CodingError) -> LeaseCommand {
    switch try readUInt8() {
    case Tag.grant: return .grant(id: try leaseID(), ttl: try readZigzag())
    case Tag.revoke: return .revoke(id: try readZigzag())
    case Tag.keepAlive: return .keepAlive(id: try readZigzag())
    case Tag.expire: return .expire(id: try readZigzag(), asOf: try readVarint())
    case Tag.tick:
      var tick = LeaseTick(time: try instant(), asOf: try readVarint(), dates: [])
      for _ in 0..<(try readVarintCount(each: 2)) {
        tick.dates.append(LeaseTick.End(id: try readZigzag(), expiry: try instant()))
      }
      return .tick(tick)
    default: throw .malformed(field: "lease command")
    }
  }

  /// Nothing happened before the lease clock began.
  private mutating func instant() throws(CodingError) -> Int64 {
    let instant = try readZigzag()
    guard instant >= 0 else { throw .malformed(field: "lease instant") }
    return instant
  }

  /// No lease has the id zero: a key that hangs on it hangs on none.
  private mutating func leaseID() throws(CodingError) -> Int64 {
    let id = try readZigzag()
    guard id != 0 else { throw .malformed(field: "lease id") }
    return id
  }
}
