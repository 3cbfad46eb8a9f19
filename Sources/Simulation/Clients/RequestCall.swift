import Base
import EtcdAPI
import KeyValue
import Replica
import Services

/// A call as it comes over the wire, and what it was made to say.
struct RequestCall {
  /// What a member must make of it.
  enum Meaning {
    case command(Command)
    case read(RangeRequest)
    /// Bent: whatever it says now, all members say the same of it and none traps.
    case nothing
  }

  var method: KVService.Method
  var body: [UInt8]
  /// The value of `quorate-max-staleness-ms`.
  var maxStaleness: String?
  var meaning: Meaning

  /// What is wrong with what `Services` made of it; `nil`: nothing.
  func contradiction(_ plan: Plan, limits: RequestLimits) -> String? {
    switch (meaning, plan) {
    case (.nothing, _): return nil
    case (.command(let command), .proposal(let proposal)):
      if !command.isValid { return "it is invalid and would be proposed" }
      return proposal.command == command ? nil : "it became \(proposal.command)"
    case (.command(let command), .read(let read)):
      guard case .txn(let txn) = command, txn.isReadOnly, command.isValid else {
        return "it would only be read"
      }
      return read.kind == .txn(txn) ? nil : "it became \(read.kind)"
    case (.command(let command), .refused(let status)):
      let mayBeRefused =
        !command.isValid || body.count > limits.requestBytes || maxStaleness != nil
      return mayBeRefused ? nil : "it is refused: \(status.text)"
    case (.read(let range), .read(let read)):
      return read.kind == .range(range) ? nil : "it became \(read.kind)"
    case (.read(let range), .refused(let status)):
      let mayBeRefused = range.range.key.isEmpty || maxStaleness != nil
      return mayBeRefused ? nil : "it is refused: \(status.text)"
    case (.read, .proposal(let proposal)): return "it became \(proposal.command)"
    }
  }
}

extension Command {
  /// Whether a member would append it.
  var isValid: Bool {
    do throws(RequestError) {
      switch self {
      case .put(let put): try put.validate()
      case .deleteRange(let deletion): try deletion.validate()
      case .txn(let txn): try txn.validate()
      case .compaction, .lease, .upkeep: break
      }
      return true
    } catch {
      return false
    }
  }
}

/// Calls: most say what a client may say, some are bent, some were never a message.
extension RequestGenerator {
  mutating func call(_ newest: Int64) -> RequestCall {
    switch dice.index(below: 64) {
    case 0..<40: return command(newest).call(&dice)
    case 40..<54: return read(range(newest))
    case 54..<62:
      var call =
        dice.chance(1, in: 3) ? read(range(newest)) : command(newest).call(&dice)
      call.meaning = .nothing
      for _ in 0...dice.index(below: 3) { bend(&call.body) }
      // Sometimes also what another method takes.
      if dice.chance(1, in: 8) { call.method = drawMethod() }
      return call
    case 62:
      return RequestCall(
        method: .txn, body: nested(1 + dice.index(below: 220), command(newest)),
        meaning: .nothing)
    default:
      return RequestCall(method: drawMethod(), body: garbage(), meaning: .nothing)
    }
  }

  private mutating func drawMethod() -> KVService.Method {
    KVService.Method.allCases[dice.index(below: KVService.Method.allCases.count)]
  }

  private mutating func read(_ range: RangeRequest) -> RequestCall {
    var call = RequestCall(
      method: .range,
      body: ProtobufWriter.message(range, isSerializable: dice.chance(1, in: 3)),
      meaning: .read(range))
    let staleness = ["0", "500", "9223372036854775807", "9223372036854775808", "-1", "", "a while"]
    if dice.chance(1, in: 8) { call.maxStaleness = staleness[dice.index(below: staleness.count)] }
    return call
  }

  // MARK: What no client should send

  /// One change to the bytes of a message.
  private mutating func bend(_ body: inout [UInt8]) {
    let place = dice.index(below: body.count + 1)
    switch dice.index(below: 8) {
    case 0..<3 where place < body.count: body[place] ^= 1 << UInt8(dice.index(below: 8))
    case 3: body.removeSubrange(place...)
    case 4: body.insert(contentsOf: noise(1 + dice.index(below: 12)), at: place)
    // Twice the same is one message: lists grow, of all else the last counts.
    case 5: body += body
    // A count or a number of ten bytes, the largest that there can be.
    case 6: body.insert(contentsOf: Array(repeating: 0xFF, count: 9) + [1], at: place)
    default: body += garbage()
    }
  }

  /// Fields as the dice have them.
  private mutating func garbage() -> [UInt8] {
    var writer = ProtobufWriter()
    for _ in 0...dice.index(below: 8) {
      let field = dice.chance(1, in: 10) ? dice.next() >> 35 : 1 + dice.next(below: 16)
      let type = ProtobufWriter.WireType.allCases[dice.index(below: 6)]
      writer.add(field, as: type)
      switch type {
      case .varint: writer.add(varint: dice.next() >> dice.next(below: 64))
      case .fixed64: writer.add(raw: noise(8))
      case .fixed32: writer.add(raw: noise(4))
      case .counted:
        let count = dice.index(below: 20)
        writer.add(varint: UInt64(dice.chance(1, in: 10) ? count * 1_000 : count))
        writer.add(raw: noise(count))
      case .groupStart, .groupEnd: break
      }
    }
    return writer.bytes
  }

  /// A transaction in a transaction, and so on.
  private mutating func nested(_ depth: Int, _ command: Command) -> [UInt8] {
    var body = command.call(&dice).body
    for _ in 0..<depth {
      let inner = body
      let branch = 2 + dice.next(below: 2)
      body = ProtobufWriter.message { transaction in
        transaction.add(branch, counted: ProtobufWriter.message { $0.add(4, counted: inner) })
      }
    }
    return body
  }

  private mutating func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
  }
}

extension Command {
  fileprivate func call(_ dice: inout SplitMix64) -> RequestCall {
    let (method, body): (KVService.Method, [UInt8])
    switch self {
    case .put(let put): (method, body) = (.put, ProtobufWriter.message(put))
    case .deleteRange(let deletion):
      (method, body) = (.deleteRange, ProtobufWriter.message(deletion))
    case .txn(let txn): (method, body) = (.txn, ProtobufWriter.message(txn))
    case .compaction(let revision):
      let isPhysical = dice.chance(1, in: 2)
      (method, body) = (
        .compact, ProtobufWriter.message(compactingTo: revision, isPhysical: isPhysical)
      )
    case .lease, .upkeep:
      preconditionFailure("the generator draws calls of etcdserverpb.KV only")
    }
    return RequestCall(method: method, body: body, meaning: .command(self))
  }
}
