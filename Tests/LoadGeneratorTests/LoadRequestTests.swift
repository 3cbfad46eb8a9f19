import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import LoadGenerator

@Suite struct `The requests of a load` {
  private func load(_ operation: Load.Operation, keys: Int = 1_000) throws -> Load {
    var load = Load(operation: operation, endpoints: [try Endpoint("127.0.0.1:1")])
    load.keys = keys
    load.valueBytes = 5
    return load
  }

  private func key(_ number: Int) -> Data {
    let digits = String(number)
    return Data(("load/" + String(repeating: "0", count: 15 - digits.count) + digits).utf8)
  }

  /// SplitMix64's published numbers for the seed 1234567 choose the keys.
  @Test func `random keys are the draws of SplitMix64`() throws {
    var load = try load(.get)
    load.seed = 1_234_567
    let draws: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    let requests = LoadRequests(load)
    for (number, draw) in draws.enumerated() {
      #expect(requests.firstKey(number) == Int(draw.multipliedFullWidth(by: 1_000).high))
    }
  }

  @Test func `one seed asks the same, another does not`() throws {
    var other = try load(.put)
    other.seed = 2
    let (first, again, second) = (
      LoadRequests(try load(.put)), LoadRequests(try load(.put)), LoadRequests(other)
    )
    let messages = (0..<200).map { first.message($0) }
    #expect(messages == (0..<200).map { again.message($0) })
    #expect(messages != (0..<200).map { second.message($0) })
    #expect(Set(messages).count > 150)
  }

  @Test func `every key is drawn about equally often`() throws {
    let requests = LoadRequests(try load(.get, keys: 10))
    var counts = [Int](repeating: 0, count: 10)
    for number in 0..<10_000 { counts[requests.firstKey(number)] += 1 }
    #expect(counts.allSatisfy { (850...1150).contains($0) }, "\(counts)")
  }

  @Test func `in their order, the keys begin again after the last`() throws {
    var load = try load(.put, keys: 3)
    load.order = .sequential
    let requests = LoadRequests(load)
    let keys = try (0..<5).map { try EtcdPutRequest(decoding: requests.message($0)).key }
    #expect(keys == [0, 1, 2, 0, 1].map(key))
  }

  @Test func `a put has its key and a value of the size`() throws {
    let requests = LoadRequests(try load(.put))
    let put = try EtcdPutRequest(decoding: requests.message(7))
    #expect(
      put
        == .make {
          $0.key = key(requests.firstKey(7))
          $0.value = Data("vvvvv".utf8)
        })
    #expect(requests.methods == [EtcdMethod.KV.put])
  }

  @Test func `a get is linearizable unless it is called serializable`() throws {
    for operation in [Load.Operation.get, .serializableGet] {
      let requests = LoadRequests(try load(operation))
      let get = try EtcdRangeRequest(decoding: requests.message(0))
      #expect(
        get
          == .make {
            $0.key = key(requests.firstKey(0))
            $0.serializable = operation == .serializableGet
          })
    }
  }

  @Test func `a range ends exactly after its keys, and never beyond the last`() throws {
    var load = try load(.range, keys: 120)
    load.limit = 100
    let requests = LoadRequests(load)
    for number in 0..<300 {
      let range = try EtcdRangeRequest(decoding: requests.message(number))
      let first = requests.firstKey(number)
      #expect(range.key == key(first) && range.rangeEnd == key(first + 100))
      #expect(first <= 20 && range.limit == 0 && !range.serializable)
    }
  }

  @Test func `a page has no end and a limit`() throws {
    let page = try EtcdRangeRequest(decoding: LoadRequests(try load(.page)).message(3))
    #expect(page.rangeEnd == Data([0]) && page.limit == 100 && page.countOnly == false)
  }

  @Test func `half of the transactions read, half write, all compare their own key`() throws {
    let requests = LoadRequests(try load(.txn))
    var reads = 0
    for number in 0..<100 {
      let txn = try EtcdTxnRequest(decoding: requests.message(number))
      let own = key(requests.firstKey(number))
      #expect(txn.compare.map(\.key) == [own] && txn.success.count == 1)
      if txn.success[0].requestRange.key == own {
        reads += 1
        #expect(txn.failure.isEmpty)
      } else {
        #expect(txn.success[0].requestPut.key == own && txn.failure == txn.success)
      }
    }
    #expect(reads == 50)
  }

  @Test(arguments: [1, 99, 100, 101, 250])
  func `a load puts every key once`(count: Int) throws {
    let requests = LoadRequests(try load(.load, keys: count))
    let limit = try #require(requests.limit)
    var keys: [Data] = []
    for number in 0..<limit {
      let txn = try EtcdTxnRequest(decoding: requests.message(number))
      keys += txn.success.map(\.requestPut.key)
      #expect(txn.success.count <= Load.batch)
    }
    #expect(keys == (0..<count).map(key))
  }

  @Test func `what makes no sense is one sentence`() throws {
    func sentence(_ change: (inout Load) -> Void) throws -> String? {
      var load = try load(.range)
      change(&load)
      return #expect(throws: Load.Failure.self) { try load.check() }?.description
    }
    #expect(try sentence { $0.clients = 0 } == "clients must be at least 1, not 0")
    #expect(try sentence { $0.valueBytes = -1 } == "value size must not be below 0, and is -1")
    #expect(
      try sentence { $0.keyBytes = 8 } == "1000 keys need a key size of at least 9, not 8")
    #expect(try sentence { $0.limit = 1_001 } == "a range of 1001 keys does not fit into 1000 keys")
    #expect(try sentence { $0.extent = .requests(0) } == "the total must be at least 1, not 0")
    #expect(
      try sentence { $0.rate = .nan } == "the rate must be above 0 and at most 10,000,000 a second")
    try load(.range).check()
  }
}
