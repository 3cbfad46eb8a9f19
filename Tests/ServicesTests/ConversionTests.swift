import EtcdAPI
import Foundation
import KeyValue
import Raft
import Replica
import Services
import Testing

@Suite struct `A request becomes a plan` {
  private let service = KVService()

  @Test func `a range keeps every field`() {
    let message = EtcdRangeRequest.make {
      $0.key = Data([1])
      $0.rangeEnd = Data([2])
      $0.limit = 3
      $0.revision = 4
      $0.sortOrder = .descend
      $0.sortTarget = .mod
      $0.keysOnly = true
      $0.countOnly = true
      $0.minModRevision = 5
      $0.maxModRevision = 6
      $0.minCreateRevision = 7
      $0.maxCreateRevision = 8
    }
    var expected = RangeRequest(range: KeyRange(key: [1], end: [2]))
    expected.limit = 3
    expected.revision = 4
    expected.sortOrder = .descend
    expected.sortTarget = .mod
    expected.keysOnly = true
    expected.countOnly = true
    expected.minModRevision = 5
    expected.maxModRevision = 6
    expected.minCreateRevision = 7
    expected.maxCreateRevision = 8
    #expect(
      service.plan(.range, body: message.encodedBytes)
        == .read(ReadPlan(kind: .range(expected), consistency: .linearizable)))
  }

  @Test(arguments: [
    (EtcdRangeRequest.SortTarget.key, RangeRequest.SortTarget.key), (.version, .version),
    (.create, .create), (.mod, .mod), (.value, .value),
  ])
  func `every sort target is its own`(
    target: EtcdRangeRequest.SortTarget, meaning: RangeRequest.SortTarget
  ) {
    let message = EtcdRangeRequest.make {
      $0.key = Data([1])
      $0.sortOrder = .ascend
      $0.sortTarget = target
    }
    var expected = RangeRequest(range: KeyRange(key: [1]))
    expected.sortOrder = .ascend
    expected.sortTarget = meaning
    #expect(
      service.plan(.range, body: message.encodedBytes)
        == .read(ReadPlan(kind: .range(expected), consistency: .linearizable)))
  }

  @Test func `a put keeps every field and grows the store`() {
    let message = EtcdPutRequest.make {
      $0.key = Data([1])
      $0.value = Data([2])
      $0.lease = 3
      $0.prevKv = true
    }
    var expected = PutRequest(key: [1], value: [2])
    expected.lease = 3
    expected.previousPair = true
    #expect(
      service.plan(.put, body: message.encodedBytes)
        == .proposal(ProposalPlan(command: .put(expected))))
  }

  @Test func `a put may keep the value and the lease that are there`() {
    let message = EtcdPutRequest.make {
      $0.key = Data([1])
      $0.ignoreValue = true
      $0.ignoreLease = true
    }
    var expected = PutRequest(key: [1], value: [])
    expected.ignoreValue = true
    expected.ignoreLease = true
    #expect(
      service.plan(.put, body: message.encodedBytes)
        == .proposal(ProposalPlan(command: .put(expected))))
  }

  @Test func `deletes and compactions pass when space is short`() {
    let deletion = EtcdDeleteRangeRequest.make {
      $0.key = Data([1])
      $0.rangeEnd = Data([0])
      $0.prevKv = true
    }
    var expected = DeleteRangeRequest(range: KeyRange(key: [1], end: [0]))
    expected.previousPairs = true
    #expect(
      service.plan(.deleteRange, body: deletion.encodedBytes)
        == .proposal(ProposalPlan(command: .deleteRange(expected))))
    let compaction = EtcdCompactionRequest.make {
      $0.revision = 7
      $0.physical = true
    }
    #expect(
      service.plan(.compact, body: compaction.encodedBytes)
        == .proposal(
          ProposalPlan(
            command: .compaction(revision: 7), waitsForPurge: true)))
  }

  @Test func `a transaction keeps its compares, branches and nesting`() {
    let message = EtcdTxnRequest.make {
      $0.compare = [
        .make {
          $0.key = Data([1])
          $0.rangeEnd = Data([9])
          $0.target = .value
          $0.result = .notEqual
          $0.value = Data([7])
        },
        .make {
          $0.key = Data([2])
          $0.target = .lease
          $0.result = .greater
          $0.lease = 5
        },
      ]
      $0.success = [.make { $0.requestPut = .make { $0.key = Data([3]) } }]
      $0.failure = [
        .make { step in
          step.requestTxn = .make {
            $0.success = [.make { $0.requestDeleteRange = .make { $0.key = Data([4]) } }]
          }
        }
      ]
    }
    var inner = TxnRequest()
    inner.success = [.deleteRange(DeleteRangeRequest(range: KeyRange(key: [4])))]
    var expected = TxnRequest()
    expected.compares = [
      Compare(range: KeyRange(key: [1], end: [9]), relation: .notEqual, target: .value([7])),
      Compare(range: KeyRange(key: [2]), relation: .greater, target: .lease(5)),
    ]
    expected.success = [.put(PutRequest(key: [3], value: []))]
    expected.failure = [.txn(inner)]
    #expect(
      service.plan(.txn, body: message.encodedBytes)
        == .proposal(ProposalPlan(command: .txn(expected))))
  }

  /// etcd v3_server.go `isTxnReadonly`, `isTxnSerializable`.
  @Test(arguments: [(true, true), (true, false), (false, false)])
  func `a transaction of ranges is a read, as fresh as its strictest range`(
    first: Bool, second: Bool
  ) {
    let message = EtcdTxnRequest.make {
      $0.success = [
        .make {
          $0.requestRange = .make {
            $0.key = Data([1]); $0.serializable = first
          }
        }
      ]
      $0.failure = [
        .make {
          $0.requestRange = .make {
            $0.key = Data([2]); $0.serializable = second
          }
        }
      ]
    }
    guard case .read(let plan) = service.plan(.txn, body: message.encodedBytes) else {
      Issue.record("a transaction of ranges went to the log")
      return
    }
    let isSerializable = first && second
    #expect(
      plan.consistency
        == (isSerializable ? .serializable(maxStaleness: nil) : .linearizable))
  }

  @Test func `the greatest age binds serializable reads alone`() {
    func consistency(_ text: String?, serializable: Bool) -> ReadConsistency? {
      let message = EtcdRangeRequest.make {
        $0.key = Data([1])
        $0.serializable = serializable
      }
      let plan = service.plan(.range, body: message.encodedBytes, maxStaleness: text)
      guard case .read(let read) = plan else { return nil }
      return read.consistency
    }
    #expect(
      consistency("250", serializable: true) == .serializable(maxStaleness: .milliseconds(250)))
    #expect(consistency(nil, serializable: true) == .serializable(maxStaleness: nil))
    #expect(consistency("250", serializable: false) == .linearizable)
    #expect(consistency("-1", serializable: true) == nil)
    #expect(consistency("1.5", serializable: true) == nil)
    #expect(consistency("9223372036854775807", serializable: true) != nil)
  }
}

@Suite struct `A result becomes etcd's message` {
  private static let row = Row(
    number: 9, modRevision: 5, subRevision: 0, key: [1], value: [2], createRevision: 3,
    version: 4, lease: 6)
  private static let pair = EtcdKeyValue.make {
    $0.key = Data([1])
    $0.value = Data([2])
    $0.createRevision = 3
    $0.modRevision = 5
    $0.version = 4
    $0.lease = 6
  }
  private static let header = AnswerHeader(cluster: 10, member: 11, raftTerm: 12)

  private static func etcdHeader(_ revision: Int64) -> EtcdResponseHeader {
    .make {
      $0.clusterID = 10
      $0.memberID = 11
      $0.raftTerm = 12
      $0.revision = revision
    }
  }

  @Test func `every answer is encoded as SwiftProtobuf would`() throws {
    let dice = AnswerDice()
    for count in 0..<300 {
      let header = dice.header()
      let range = dice.range()
      #expect(
        KVService.body(range, header)
          == EtcdRangeResponse(range, header: header.message(revision: range.revision))
          .encodedBytes, "\(range), \(header)")
      let revision = dice.number()
      let message = header.message(revision: revision)
      let (answer, expected) = dice.answer(count % 6, message)
      let result = CommandResult(revision: revision, answer: answer)
      #expect(try KVService.body(result, header) == expected, "\(answer), \(header)")
    }
  }

  @Test func `a range with its pairs, more and count`() throws {
    let response = RangeResponse(pairs: [Self.row], more: true, count: 8, revision: 7)
    let message = try EtcdRangeResponse(decoding: KVService.body(response, Self.header))
    #expect(
      message
        == .make {
          $0.header = Self.etcdHeader(7)
          $0.kvs = [Self.pair]
          $0.more = true
          $0.count = 8
        })
  }

  @Test func `puts and deletes with what was there before`() throws {
    let put = CommandResult(
      revision: 7, answer: .put(PutResponse(previous: Self.row, revision: 7)))
    #expect(
      try EtcdPutResponse(decoding: KVService.body(put, Self.header))
        == .make {
          $0.header = Self.etcdHeader(7)
          $0.prevKv = Self.pair
        })
    let fresh = CommandResult(
      revision: 7, answer: .put(PutResponse(previous: nil, revision: 7)))
    #expect(try !EtcdPutResponse(decoding: KVService.body(fresh, Self.header)).hasPrevKv)
    let deletion = CommandResult(
      revision: 8,
      answer: .deleteRange(DeleteRangeResponse(deleted: 1, previous: [Self.row], revision: 8)))
    #expect(
      try EtcdDeleteRangeResponse(decoding: KVService.body(deletion, Self.header))
        == .make {
          $0.header = Self.etcdHeader(8)
          $0.deleted = 1
          $0.prevKvs = [Self.pair]
        })
  }

  /// As etcd 3.4.23 answered on the wire: a step's header is its revision alone.
  @Test func `inside a transaction headers hold the revision alone`() throws {
    let inner = TxnResponse(
      succeeded: false, responses: [.put(PutResponse(previous: nil, revision: 8))])
    let txn = TxnResponse(
      succeeded: true,
      responses: [
        .range(RangeResponse(pairs: [], more: false, count: 0, revision: 7)), .txn(inner),
      ])
    let result = CommandResult(revision: 8, answer: .txn(txn))
    let message = try EtcdTxnResponse(decoding: KVService.body(result, Self.header))
    #expect(message.header == Self.etcdHeader(8) && message.succeeded)
    #expect(message.responses[0].responseRange.header == .make { $0.revision = 7 })
    #expect(message.responses[1].responseTxn.hasHeader)
    #expect(message.responses[1].responseTxn.header == EtcdResponseHeader())
    let put = message.responses[1].responseTxn.responses[0].responsePut
    #expect(put.header == .make { $0.revision = 8 })
  }

  @Test func `members as etcd lists them, of no revision`() {
    let directory = MemberDirectory([
      .init(
        id: .init(2), name: "n2", peerURLs: ["http://b:2380"], clientURLs: ["http://b:2379"],
        isLearner: true),
      .init(id: .init(1), name: "n1", peerURLs: ["p"], clientURLs: [], isLearner: false),
    ])
    let message = ClusterService.memberList(directory, Self.header)
    #expect(message.header == Self.etcdHeader(0))
    #expect(message.members.map(\.id) == [1, 2] && message.members[1].isLearner)
    #expect(message.members[1].clientUrls == ["http://b:2379"])
  }

  @Test func `nothing compacted is etcd's minus one`() {
    let message = MaintenanceService.hashKV(
      hash: 1, compactRevision: 0, revision: 3, Self.header)
    #expect(message.compactRevision == -1 && message.header.revision == 3)
  }
}
