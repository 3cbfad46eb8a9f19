import Base
import EtcdAPI
import Foundation

/// The requests of a load by number: a pure function, so every run of a seed asks the same.
///
/// A request is copied from a template and the digits of its keys are written over it: the client
/// must not cost more than the server that it measures.
struct LoadRequests: Sendable {
  /// One encoded message, and where each of its keys begins.
  struct Template: Sendable {
    var bytes: [UInt8]
    /// The place of each key, and which key it is, counted from the first.
    var keys: [(place: Int, offset: Int)]
  }

  /// Of the calls that one request consists of.
  let methods: [String]
  /// How many requests there are; `nil`: as many as one likes.
  let limit: Int?
  private let load: Load
  private let templates: [Template]
  /// The last transaction of a `load` may be shorter.
  private let last: Template?
  /// First keys are drawn below this.
  private let span: Int

  /// *Precondition*: `load.check()` passes.
  init(_ load: Load) {
    self.load = load
    methods =
      switch load.operation {
      case .put: [EtcdMethod.KV.put]
      case .get, .serializableGet, .range, .page: [EtcdMethod.KV.range]
      case .txn, .load: [EtcdMethod.KV.txn]
      case .lease: [EtcdMethod.Lease.leaseGrant, EtcdMethod.KV.put, EtcdMethod.Lease.leaseRevoke]
      }
    let make = Maker(load)
    switch load.operation {
    case .put: templates = [make.template(make.put(0).encodedBytes)]
    case .get, .serializableGet: templates = [make.template(make.get.encodedBytes)]
    case .txn:
      templates = [make.readingTxn, make.writingTxn].map { make.template($0.encodedBytes) }
    case .range: templates = [make.template(make.range.encodedBytes)]
    case .page: templates = [make.template(make.page.encodedBytes)]
    case .lease: templates = []
    case .load: templates = [make.template(make.puts(Load.batch).encodedBytes)]
    }
    let rest = load.keys % Load.batch
    let isFill = load.operation == .load
    last = isFill && rest > 0 ? make.template(make.puts(rest).encodedBytes) : nil
    limit = isFill ? (load.keys + Load.batch - 1) / Load.batch : nil
    span = load.operation == .range ? load.keys - load.limit + 1 : load.keys
  }

  /// The request with this number, from 0 on, or one call of it. *Precondition*: `number` is below
  /// `limit`, where there is one, and there is such a call.
  func message(_ number: Int, call: Int = 0) -> [UInt8] {
    if load.operation == .lease { return leaseMessage(number, call: call) }
    precondition(number >= 0 && number < limit ?? .max, "no request has the number \(number)")
    let isLast = number + 1 == limit
    let template = isLast ? last ?? templates[0] : templates[number % templates.count]
    let first = firstKey(number)
    var bytes = template.bytes
    for (place, offset) in template.keys {
      Self.write(first + offset, into: &bytes, at: place + load.keyBytes)
    }
    return bytes
  }

  /// No two requests have the same lease, nor do two runs unless their seeds are close.
  private func leaseMessage(_ number: Int, call: Int) -> [UInt8] {
    let first = (load.seed &* SplitMix64.increment) >> 1
    // Zero would ask the server to choose.
    let lease = Int64(truncatingIfNeeded: first) &+ Int64(number) &+ 1
    switch call {
    case 0:
      return EtcdLeaseGrantRequest.make { ($0.id, $0.ttl) = (lease, 60) }.encodedBytes
    case 1:
      var put = Maker(load).put(firstKey(number))
      put.lease = lease
      return put.encodedBytes
    default:
      return EtcdLeaseRevokeRequest.make { $0.id = lease }.encodedBytes
    }
  }

  /// The number of the first key of a request.
  func firstKey(_ number: Int) -> Int {
    if load.operation == .load { return number * Load.batch }
    switch load.order {
    case .sequential: return number % span
    case .random:
      var dice = SplitMix64(seed: load.seed, after: UInt64(number))
      return dice.index(below: span)
    }
  }

  /// Writes decimal digits that end before `end`, over zeros.
  private static func write(_ number: Int, into bytes: inout [UInt8], at end: Int) {
    var (rest, place) = (number, end)
    while rest > 0 {
      place -= 1
      bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
  }
}

/// Makes the templates' messages. A key in them is the prefix, zeros, and its offset.
private struct Maker {
  private let load: Load
  private let value: Data

  init(_ load: Load) {
    self.load = load
    // Printable, and nothing that a key could be mistaken for.
    value = Data(repeating: UInt8(ascii: "v"), count: load.valueBytes)
  }

  func key(_ offset: Int) -> Data {
    let digits = String(offset)
    let zeros = load.keyBytes - load.prefix.utf8.count - digits.utf8.count
    return Data((load.prefix + String(repeating: "0", count: zeros) + digits).utf8)
  }

  func put(_ offset: Int) -> EtcdPutRequest {
    .make {
      $0.key = key(offset)
      $0.value = value
    }
  }

  var get: EtcdRangeRequest {
    .make {
      $0.key = key(0)
      $0.serializable = load.operation == .serializableGet
    }
  }

  var range: EtcdRangeRequest {
    .make {
      $0.key = key(0)
      $0.rangeEnd = key(load.limit)
    }
  }

  var page: EtcdRangeRequest {
    .make {
      $0.key = key(0)
      // etcd rpc.proto RangeRequest.range_end: all keys from the first on.
      $0.rangeEnd = Data([0])
      $0.limit = Int64(load.limit)
    }
  }

  func puts(_ count: Int) -> EtcdTxnRequest {
    .make { $0.success = (0..<count).map { offset in .make { $0.requestPut = put(offset) } } }
  }

  var readingTxn: EtcdTxnRequest {
    .make {
      $0.compare = [exists]
      $0.success = [.make { $0.requestRange = get }]
    }
  }

  /// Writes whether the key is there or not.
  var writingTxn: EtcdTxnRequest {
    .make {
      $0.compare = [exists]
      $0.success = [.make { $0.requestPut = put(0) }]
      $0.failure = [.make { $0.requestPut = put(0) }]
    }
  }

  private var exists: EtcdCompare {
    .make {
      $0.key = key(0)
      $0.target = .create
      $0.result = .greater
      $0.createRevision = 0
    }
  }

  /// Finds the keys in an encoded message.
  func template(_ bytes: [UInt8]) -> LoadRequests.Template {
    let prefix = Array(load.prefix.utf8)
    var template = LoadRequests.Template(bytes: bytes, keys: [])
    var place = 0
    while place + load.keyBytes <= bytes.count {
      let digits = bytes[(place + prefix.count)..<(place + load.keyBytes)]
      // A value may look like the beginning of a key, but holds no digits.
      guard bytes[place..<place + prefix.count].elementsEqual(prefix),
        let offset = Int(String(decoding: digits, as: UTF8.self))
      else {
        place += 1
        continue
      }
      template.keys.append((place, offset))
      for digit in digits.indices { template.bytes[digit] = UInt8(ascii: "0") }
      place += load.keyBytes
    }
    precondition(!template.keys.isEmpty, "a request without a key")
    return template
  }
}
