import EtcdAPI
import KeyValue
import Raft
import Replica
import Services
import Testing

@testable import Simulation

/// Calls as bytes, and what members make of them.
@Suite struct RequestTests {
  private let service = KVService()

  private func plan(_ call: RequestCall) -> Plan {
    service.plan(call.method, body: call.body, maxStaleness: call.maxStaleness)
  }

  private func contradiction(_ call: RequestCall) -> String? {
    call.contradiction(plan(call), limits: service.limits)
  }

  /// `quorate simulate --requests` plays any number.
  @Test func `whatever a client asks has the same result on every member`() {
    let verdict = RequestStorm(seed: 4, requests: 6_000).run()
    #expect(verdict.failure == nil)
    #expect(verdict.requests == 6_000)
    #expect(verdict.refused > 800 && verdict.reads > 800 && verdict.applied > 2_000)
    #expect(verdict.failed > 200 && verdict.invalid > 20 && verdict.revision > 1_000)
  }

  @Test func `the same seed plays the same requests`() {
    #expect(
      RequestStorm(seed: 9, requests: 500).run() == RequestStorm(seed: 9, requests: 500).run())
    #expect(
      RequestStorm(seed: 9, requests: 500).run() != RequestStorm(seed: 10, requests: 500).run())
  }

  /// etcd rpc.proto, by hand: `key: "a", value: "b", lease: -1, ignore_lease: true`.
  @Test func `a put is written as anyone would write it`() {
    var put = PutRequest(key: [0x61], value: [0x62])
    put.lease = -1
    put.ignoreLease = true
    let lease: [UInt8] = [0x18] + Array(repeating: 0xFF, count: 9) + [0x01]
    #expect(ProtobufWriter.message(put) == [0x0A, 1, 0x61, 0x12, 1, 0x62] + lease + [0x30, 1])
  }

  @Test func `a call that says what it was made to say contradicts nobody`() {
    var generator = RequestGenerator(seed: 1)
    for _ in 0..<2_000 {
      let call = generator.call(50)
      #expect(contradiction(call) == nil, "\(call)")
    }
  }

  @Test func `a plan for something else is noticed`() {
    let put = PutRequest(key: [1], value: [2])
    var other = put
    other.lease = 3
    var read = RangeRequest(range: KeyRange(key: [1]))
    let body = ProtobufWriter.message(put)
    let asked = RequestCall(method: .put, body: body, meaning: .command(.put(other)))
    #expect(contradiction(asked)?.contains("it became") == true)

    // A valid one that is refused, and one that is not valid and goes through.
    let empty = PutRequest(key: [], value: [])
    let refused = RequestCall(
      method: .put, body: ProtobufWriter.message(empty), meaning: .command(.put(put)))
    #expect(contradiction(refused)?.contains("it is refused") == true)
    let accepted = RequestCall(method: .put, body: body, meaning: .command(.put(empty)))
    #expect(contradiction(accepted)?.contains("is invalid") == true)

    let ranged = RequestCall(
      method: .range, body: ProtobufWriter.message(read), meaning: .command(.put(put)))
    #expect(contradiction(ranged)?.contains("only be read") == true)
    read.limit = 4
    let limited = RequestCall(
      method: .range,
      body: ProtobufWriter.message(RangeRequest(range: read.range)), meaning: .read(read))
    #expect(contradiction(limited)?.contains("it became") == true)
  }

  /// Bent calls that are all refused by the decoder would never meet the store.
  @Test func `bent calls are refused, read and proposed`() {
    var generator = RequestGenerator(seed: 2)
    var counts = (refused: 0, reads: 0, proposals: 0)
    var methods: Set<KVService.Method> = []
    for _ in 0..<6_000 {
      let call = generator.call(50)
      guard case .nothing = call.meaning else { continue }
      methods.insert(call.method)
      switch plan(call) {
      case .refused: counts.refused += 1
      case .read: counts.reads += 1
      case .proposal: counts.proposals += 1
      }
    }
    #expect(methods.count == KVService.Method.allCases.count)
    #expect(counts.refused > 200 && counts.reads > 50 && counts.proposals > 100, "\(counts)")
  }
}
