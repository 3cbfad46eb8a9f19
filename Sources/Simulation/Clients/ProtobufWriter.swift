import KeyValue

/// A protobuf message as bytes, written by hand: as any client may send it, and as none should.
/// It knows the fields from etcd's documents, not from our generated code, so the two check each
/// other.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// The wire types of protobuf's encoding.
  enum WireType: UInt64, CaseIterable {
    case varint, fixed64, counted, groupStart, groupEnd, fixed32
  }

  mutating func add(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func add(_ field: UInt64, as type: WireType) { add(varint: field << 3 | type.rawValue) }

  /// Zero is left out, as everybody does.
  mutating func add(_ field: UInt64, number: Int64) {
    if number != 0 { add(field, chosen: number) }
  }

  /// A number in a `oneof`, where zero is said too.
  mutating func add(_ field: UInt64, chosen number: Int64) {
    add(field, as: .varint)
    add(varint: UInt64(bitPattern: number))
  }

  mutating func add(_ field: UInt64, flag: Bool) { add(field, number: flag ? 1 : 0) }

  mutating func add(_ field: UInt64, bytes: [UInt8]) {
    if !bytes.isEmpty { add(field, counted: bytes) }
  }

  /// Bytes that are there even if there are none: a message, or a case of a `oneof`.
  mutating func add(_ field: UInt64, counted bytes: [UInt8]) {
    add(field, as: .counted)
    add(varint: UInt64(bytes.count))
    self.bytes += bytes
  }

  mutating func add(raw bytes: [UInt8]) { self.bytes += bytes }

  static func message(_ fill: (inout ProtobufWriter) -> Void) -> [UInt8] {
    var writer = ProtobufWriter()
    fill(&writer)
    return writer.bytes
  }
}

/// The requests of etcd rpc.proto.
extension ProtobufWriter {
  static func message(_ range: RangeRequest, isSerializable: Bool = false) -> [UInt8] {
    message {
      $0.add(range.range, end: 2)
      $0.add(3, number: range.limit)
      $0.add(4, number: range.revision)
      $0.add(5, number: Int64(range.sortOrder.rawValue))
      $0.add(6, number: Int64(range.sortTarget.rawValue))
      $0.add(7, flag: isSerializable)
      $0.add(8, flag: range.keysOnly)
      $0.add(9, flag: range.countOnly)
      $0.add(10, number: range.minModRevision)
      $0.add(11, number: range.maxModRevision)
      $0.add(12, number: range.minCreateRevision)
      $0.add(13, number: range.maxCreateRevision)
    }
  }

  static func message(_ put: PutRequest) -> [UInt8] {
    message {
      $0.add(1, bytes: put.key)
      $0.add(2, bytes: put.value)
      $0.add(3, number: put.lease)
      $0.add(4, flag: put.previousPair)
      $0.add(5, flag: put.ignoreValue)
      $0.add(6, flag: put.ignoreLease)
    }
  }

  static func message(_ deletion: DeleteRangeRequest) -> [UInt8] {
    message {
      $0.add(deletion.range, end: 2)
      $0.add(3, flag: deletion.previousPairs)
    }
  }

  static func message(_ txn: TxnRequest) -> [UInt8] {
    message {
      for compare in txn.compares { $0.add(1, counted: message(compare)) }
      for operation in txn.success { $0.add(2, counted: message(operation)) }
      for operation in txn.failure { $0.add(3, counted: message(operation)) }
    }
  }

  static func message(compactingTo revision: Int64, isPhysical: Bool) -> [UInt8] {
    message {
      $0.add(1, number: revision)
      $0.add(2, flag: isPhysical)
    }
  }

  private static func message(_ operation: Operation) -> [UInt8] {
    message {
      switch operation {
      case .range(let range): $0.add(1, counted: message(range))
      case .put(let put): $0.add(2, counted: message(put))
      case .deleteRange(let deletion): $0.add(3, counted: message(deletion))
      case .txn(let txn): $0.add(4, counted: message(txn))
      }
    }
  }

  private static func message(_ compare: Compare) -> [UInt8] {
    message {
      $0.add(1, number: Int64(compare.relation.rawValue))
      $0.add(3, bytes: compare.range.key)
      switch compare.target {
      case .version(let version): $0.add(target: 0, 4, version)
      case .createRevision(let revision): $0.add(target: 1, 5, revision)
      case .modRevision(let revision): $0.add(target: 2, 6, revision)
      case .value(let value):
        $0.add(2, number: 3)
        $0.add(7, counted: value)
      case .lease(let lease): $0.add(target: 4, 8, lease)
      }
      $0.add(64, bytes: compare.range.end)
    }
  }

  private mutating func add(target: Int64, _ field: UInt64, _ number: Int64) {
    add(2, number: target)
    add(field, chosen: number)
  }

  /// `end`: the field of the range's end; its key is field one everywhere.
  private mutating func add(_ range: KeyRange, end: UInt64) {
    add(1, bytes: range.key)
    add(end, bytes: range.end)
  }
}
