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
    writer.byte(command.version)
    writer.number(origin.member)
    writer.number(origin.boot)
    writer.number(origin.sequence)
    writer.command(command)
    return writer.buffer
  }

  /// Never traps, whatever the bytes.
  public init(decoding bytes: [UInt8]) throws(EnvelopeError) {
    guard let version = bytes.first else { throw .malformed }
    guard (1...CommandEnvelope.version).contains(version) else { throw .unknownVersion(version) }
    do throws(MalformedBytes) {
      var reader = ByteReader(bytes)
      _ = try reader.byte()
      origin = CommandOrigin(
        member: try reader.number(), boot: try reader.number(), sequence: try reader.number())
      command = try reader.command()
      guard reader.remaining == 0 else { throw MalformedBytes() }
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
      byte(Tag.put)
      put(request)
    case .deleteRange(let request):
      byte(Tag.deleteRange)
      deleteRange(request)
    case .txn(let request):
      byte(Tag.txn)
      txn(request)
    case .compaction(let revision):
      byte(Tag.compaction)
      signed(revision)
    case .lease(let request):
      byte(Tag.leases)
      lease(request)
    case .upkeep(let request):
      byte(Tag.upkeep)
      upkeep(request)
    }
  }

  private mutating func keys(_ range: KeyRange) {
    bytes(range.key)
    bytes(range.end)
  }

  private mutating func put(_ request: PutRequest) {
    bytes(request.key)
    bytes(request.value)
    signed(request.lease)
    flag(request.previousPair)
    flag(request.ignoreValue)
    flag(request.ignoreLease)
  }

  private mutating func deleteRange(_ request: DeleteRangeRequest) {
    keys(request.range)
    flag(request.previousPairs)
  }

  private mutating func range(_ request: RangeRequest) {
    keys(request.range)
    signed(request.limit)
    signed(request.revision)
    byte(request.sortOrder.rawValue)
    byte(request.sortTarget.rawValue)
    flag(request.keysOnly)
    flag(request.countOnly)
    signed(request.minModRevision)
    signed(request.maxModRevision)
    signed(request.minCreateRevision)
    signed(request.maxCreateRevision)
  }

  private mutating func txn(_ request: TxnRequest) {
    number(UInt64(request.compares.count))
    for item in request.compares { compare(item) }
    number(UInt64(request.success.count))
    for item in request.success { operation(item) }
    number(UInt64(request.failure.count))
    for item in request.failure { operation(item) }
  }

  private mutating func compare(_ compare: Compare) {
    keys(compare.range)
    byte(compare.relation.rawValue)
    switch compare.target {
    case .version(let wanted):
      byte(Tag.version)
      signed(wanted)
    case .createRevision(let wanted):
      byte(Tag.createRevision)
      signed(wanted)
    case .modRevision(let wanted):
      byte(Tag.modRevision)
      signed(wanted)
    case .value(let wanted):
      byte(Tag.value)
      bytes(wanted)
    case .lease(let wanted):
      byte(Tag.lease)
      signed(wanted)
    }
  }

  private mutating func operation(_ operation: Operation) {
    switch operation {
    case .range(let request):
      byte(Tag.range)
      range(request)
    case .put(let request):
      byte(Tag.put)
      put(request)
    case .deleteRange(let request):
      byte(Tag.deleteRange)
      deleteRange(request)
    case .txn(let request):
      byte(Tag.txn)
      txn(request)
    }
  }
}

extension ByteReader {
  fileprivate mutating func command() throws(MalformedBytes) -> Command {
    switch try byte() {
    case Tag.put: return .put(try put())
    case Tag.deleteRange: return .deleteRange(try deleteRange())
    case Tag.txn: return .txn(try txn(depth: 1))
    case Tag.compaction: return .compaction(revision: try signed())
    case Tag.leases: return .lease(try leaseCommand())
    case Tag.upkeep: return .upkeep(try upkeepCommand())
    default: throw MalformedBytes()
    }
  }

  private mutating func keys() throws(MalformedBytes) -> KeyRange {
    KeyRange(key: try bytes(), end: try bytes())
  }

  private mutating func put() throws(MalformedBytes) -> PutRequest {
    var request = PutRequest(key: try bytes(), value: try bytes())
    request.lease = try signed()
    request.previousPair = try flag()
    request.ignoreValue = try flag()
    request.ignoreLease = try flag()
    return request
  }

  private mutating func deleteRange() throws(MalformedBytes) -> DeleteRangeRequest {
    var request = DeleteRangeRequest(range: try keys())
    request.previousPairs = try flag()
    return request
  }

  private mutating func range() throws(MalformedBytes) -> RangeRequest {
    var request = RangeRequest(range: try keys())
    request.limit = try signed()
    request.revision = try signed()
    guard let order = RangeRequest.SortOrder(rawValue: try byte()),
      let target = RangeRequest.SortTarget(rawValue: try byte())
    else { throw MalformedBytes() }
    request.sortOrder = order
    request.sortTarget = target
    request.keysOnly = try flag()
    request.countOnly = try flag()
    request.minModRevision = try signed()
    request.maxModRevision = try signed()
    request.minCreateRevision = try signed()
    request.maxCreateRevision = try signed()
    return request
  }

  private mutating func txn(depth: Int) throws(MalformedBytes) -> TxnRequest {
    guard depth <= CommandEnvelope.limitDepth else { throw MalformedBytes() }
    var request = TxnRequest()
    // The shortest compare has five bytes, the shortest operation four.
    for _ in 0..<(try count(ofAtLeast: 5)) { request.compares.append(try compare()) }
    for _ in 0..<(try count(ofAtLeast: 4)) { request.success.append(try operation(depth)) }
    for _ in 0..<(try count(ofAtLeast: 4)) { request.failure.append(try operation(depth)) }
    return request
  }

  private mutating func compare() throws(MalformedBytes) -> Compare {
    let range = try keys()
    guard let relation = Compare.Relation(rawValue: try byte()) else { throw MalformedBytes() }
    let target: Compare.Target
    switch try byte() {
    case Tag.version: target = .version(try signed())
    case Tag.createRevision: target = .createRevision(try signed())
    case Tag.modRevision: target = .modRevision(try signed())
    case Tag.value: target = .value(try bytes())
    case Tag.lease: target = .lease(try signed())
    default: throw MalformedBytes()
    }
    return Compare(range: range, relation: relation, target: target)
  }

  private mutating func operation(_ depth: Int) throws(MalformedBytes) -> Operation {
    switch try byte() {
    case Tag.range: return .range(try range())
    case Tag.put: return .put(try put())
    case Tag.deleteRange: return .deleteRange(try deleteRange())
    case Tag.txn: return .txn(try txn(depth: depth + 1))
    default: throw MalformedBytes()
    }
  }
}
