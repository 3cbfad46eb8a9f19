import Base

/// Why bytes are not a command envelope.
public enum EnvelopeError: Error, Hashable, Sendable {
  /// Written by a newer version of this program: the member stops before it applies.
  case unknownVersion(UInt8)
  /// Damaged: no version of this program wrote it.
  case malformed
}

/// The bytes of a log entry's command: a version, the origin, the command (Docs/WireFormat.md).
extension CommandEnvelope {
  /// The newest version that this program reads. It writes the oldest one that has the command, so
  /// that members of an earlier version are stopped only by what they would get wrong.
  public static let version: UInt8 = 3

  /// Transactions nest no deeper: validation allows one level an operation, and 128 operations.
  static let limitDepth = 130

  public func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(command.version)
    writer.write(varint: origin.member)
    writer.write(varint: origin.boot)
    writer.write(varint: origin.sequence)
    writer.command(command)
    return writer.bytes
  }

  /// Never traps, whatever the bytes.
  public init(decoding bytes: [UInt8]) throws(EnvelopeError) {
    guard let version = bytes.first else { throw .malformed }
    guard (1...CommandEnvelope.version).contains(version) else { throw .unknownVersion(version) }
    do throws(CodingError) {
      var reader = ByteReader(bytes)
      _ = try reader.readUInt8()
      origin = CommandOrigin(
        member: try reader.readVarint(), boot: try reader.readVarint(),
        sequence: try reader.readVarint())
      command = try reader.command()
      try reader.finish()
    } catch {
      throw .malformed
    }
  }
}

/// The numbers that stand for the cases; they are stored, so they never change.
private enum Tag {
  static let put: UInt8 = 1
  static let deleteRange: UInt8 = 2
  static let txn: UInt8 = 3
  static let compaction: UInt8 = 4
  static let range: UInt8 = 5
  static let leases: UInt8 = 6
  static let upkeep: UInt8 = 7

  static let version: UInt8 = 1
  static let createRevision: UInt8 = 2
  static let modRevision: UInt8 = 3
  static let value: UInt8 = 4
  static let lease: UInt8 = 5
}

extension ByteWriter {
  fileprivate mutating func command(_ command: Command) {
    switch command {
    case .put(let request):
      write(Tag.put)
      put(request)
    case .deleteRange(let request):
      write(Tag.deleteRange)
      deleteRange(request)
    case .txn(let request):
      write(Tag.txn)
      txn(request)
    case .compaction(let revision):
      write(Tag.compaction)
      write(zigzag: revision)
    case .lease(let request):
      write(Tag.leases)
      lease(request)
    case .upkeep(let request):
      write(Tag.upkeep)
      upkeep(request)
    }
  }

  private mutating func keys(_ range: KeyRange) {
    write(varintCounted: range.key)
    write(varintCounted: range.end)
  }

  private mutating func put(_ request: PutRequest) {
    write(varintCounted: request.key)
    write(varintCounted: request.value)
    write(zigzag: request.lease)
    write(request.previousPair)
    write(request.ignoreValue)
    write(request.ignoreLease)
  }

  private mutating func deleteRange(_ request: DeleteRangeRequest) {
    keys(request.range)
    write(request.previousPairs)
  }

  private mutating func range(_ request: RangeRequest) {
    keys(request.range)
    write(zigzag: request.limit)
    write(zigzag: request.revision)
    write(request.sortOrder.rawValue)
    write(request.sortTarget.rawValue)
    write(request.keysOnly)
    write(request.countOnly)
    write(zigzag: request.minModRevision)
    write(zigzag: request.maxModRevision)
    write(zigzag: request.minCreateRevision)
    write(zigzag: request.maxCreateRevision)
  }

  private mutating func txn(_ request: TxnRequest) {
    write(varint: UInt64(request.compares.count))
    for item in request.compares { compare(item) }
    write(varint: UInt64(request.success.count))
    for item in request.success { operation(item) }
    write(varint: UInt64(request.failure.count))
    for item in request.failure { operation(item) }
  }

  private mutating func compare(_ compare: Compare) {
    keys(compare.range)
    write(compare.relation.rawValue)
    switch compare.target {
    case .version(let wanted):
      write(Tag.version)
      write(zigzag: wanted)
    case .createRevision(let wanted):
      write(Tag.createRevision)
      write(zigzag: wanted)
    case .modRevision(let wanted):
      write(Tag.modRevision)
      write(zigzag: wanted)
    case .value(let wanted):
      write(Tag.value)
      write(varintCounted: wanted)
    case .lease(let wanted):
      write(Tag.lease)
      write(zigzag: wanted)
    }
  }

  private mutating func operation(_ operation: Operation) {
    switch operation {
    case .range(let request):
      write(Tag.range)
      range(request)
    case .put(let request):
      write(Tag.put)
      put(request)
    case .deleteRange(let request):
      write(Tag.deleteRange)
      deleteRange(request)
    case .txn(let request):
      write(Tag.txn)
      txn(request)
    }
  }
}

extension ByteReader {
  fileprivate mutating func command() throws(CodingError) -> Command {
    switch try readUInt8() {
    case Tag.put: return .put(try put())
    case Tag.deleteRange: return .deleteRange(try deleteRange())
    case Tag.txn: return .txn(try txn(depth: 1))
    case Tag.compaction: return .compaction(revision: try readZigzag())
    case Tag.leases: return .lease(try leaseCommand())
    case Tag.upkeep: return .upkeep(try upkeepCommand())
    default: throw .malformed(field: "command")
    }
  }

  private mutating func keys() throws(CodingError) -> KeyRange {
    KeyRange(key: try readVarintCounted(), end: try readVarintCounted())
  }

  private mutating func put() throws(CodingError) -> PutRequest {
    var request = PutRequest(key: try readVarintCounted(), value: try readVarintCounted())
    request.lease = try readZigzag()
    request.previousPair = try readFlag()
    request.ignoreValue = try readFlag()
    request.ignoreLease = try readFlag()
    return request
  }

  private mutating func deleteRange() throws(CodingError) -> DeleteRangeRequest {
    var request = DeleteRangeRequest(range: try keys())
    request.previousPairs = try readFlag()
    return request
  }

  private mutating func range() throws(CodingError) -> RangeRequest {
    var request = RangeRequest(range: try keys())
    request.limit = try readZigzag()
    request.revision = try readZigzag()
    guard let order = RangeRequest.SortOrder(rawValue: try readUInt8()),
      let target = RangeRequest.SortTarget(rawValue: try readUInt8())
    else { throw .malformed(field: "range order") }
    request.sortOrder = order
    request.sortTarget = target
    request.keysOnly = try readFlag()
    request.countOnly = try readFlag()
    request.minModRevision = try readZigzag()
    request.maxModRevision = try readZigzag()
    request.minCreateRevision = try readZigzag()
    request.maxCreateRevision = try readZigzag()
    return request
  }

  private mutating func txn(depth: Int) throws(CodingError) -> TxnRequest {
    guard depth <= CommandEnvelope.limitDepth else { throw .malformed(field: "transaction depth") }
    var request = TxnRequest()
    // The shortest compare has five bytes, the shortest operation four.
    for _ in 0..<(try readVarintCount(each: 5)) { request.compares.append(try compare()) }
    for _ in 0..<(try readVarintCount(each: 4)) { request.success.append(try operation(depth)) }
    for _ in 0..<(try readVarintCount(each: 4)) { request.failure.append(try operation(depth)) }
    return request
  }

  private mutating func compare() throws(CodingError) -> Compare {
    let range = try keys()
    guard let relation = Compare.Relation(rawValue: try readUInt8()) else {
      throw .malformed(field: "compare relation")
    }
    let target: Compare.Target
    switch try readUInt8() {
    case Tag.version: target = .version(try readZigzag())
    case Tag.createRevision: target = .createRevision(try readZigzag())
    case Tag.modRevision: target = .modRevision(try readZigzag())
    case Tag.value: target = .value(try readVarintCounted())
    case Tag.lease: target = .lease(try readZigzag())
    default: throw .malformed(field: "compare target")
    }
    return Compare(range: range, relation: relation, target: target)
  }

  private mutating func operation(_ depth: Int) throws(CodingError) -> Operation {
    switch try readUInt8() {
    case Tag.range: return .range(try range())
    case Tag.put: return .put(try put())
    case Tag.deleteRange: return .deleteRange(try deleteRange())
    case Tag.txn: return .txn(try txn(depth: depth + 1))
    default: throw .malformed(field: "operation")
    }
  }
}
