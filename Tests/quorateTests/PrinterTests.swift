import EtcdAPI
import Foundation
import Testing

@testable import quorate

/// Each text was printed by etcdctl 3.4.23 for the same answer of etcd 3.4.23.
@Suite struct `Answers are printed as etcdctl prints them` {
  private static let header = EtcdResponseHeader.make {
    $0.clusterID = 324_952_591_200_643_719
    $0.memberID = 3_319_814_642_761_637_952
    $0.revision = 6
    $0.raftTerm = 2
  }

  private static let foo = EtcdKeyValue.make {
    $0.key = Data("foo".utf8)
    $0.createRevision = 3
    $0.modRevision = 6
    $0.version = 4
    $0.value = Data([0x62, 0x01, 0xFF, 0x22, 0x5C, 0xC3, 0xA9])
  }

  private static let range = EtcdRangeResponse.make {
    $0.header = header
    $0.kvs = [foo]
    $0.count = 1
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func `a range, simple: the bytes themselves`() throws {
    let bytes = try Printer(format: .simple).range(Self.range)
    #expect(bytes == Array("foo\n".utf8) + [0x62, 0x01, 0xFF, 0x22, 0x5C, 0xC3, 0xA9, 0x0A])
  }

  @Test func `a range in hexadecimal and by value alone`() throws {
    let hex = try Printer(format: .simple, isHexadecimal: true).range(Self.range)
    #expect(Self.text(hex) == "\\x66\\x6f\\x6f\n\\x62\\x01\\xff\\x22\\x5c\\xc3\\xa9\n")
    let values = try Printer(format: .simple, valuesOnly: true).range(Self.range)
    #expect(values == [0x62, 0x01, 0xFF, 0x22, 0x5C, 0xC3, 0xA9, 0x0A])
  }

  @Test func `a range, json: Go's field order, base64, zeroes left out`() throws {
    #expect(
      Self.text(try Printer(format: .json).range(Self.range)) == """
        {"header":{"cluster_id":324952591200643719,"member_id":3319814642761637952,"revision":6,\
        "raft_term":2},"kvs":[{"key":"Zm9v","create_revision":3,"mod_revision":6,"version":4,\
        "value":"YgH/IlzDqQ=="}],"count":1}

        """)
  }

  private static let watch = EtcdWatchResponse.make {
    $0.header = header
    $0.events = [
      .make {
        $0.kv = foo
        $0.prevKv = .make {
          $0.key = Data("foo".utf8)
          $0.createRevision = 3
          $0.modRevision = 5
          $0.version = 3
          $0.value = Data("old".utf8)
        }
      },
      .make {
        $0.type = .delete
        $0.kv = .make {
          $0.key = Data("bar".utf8)
          $0.modRevision = 6
        }
      },
    ]
  }

  /// These by etcdctl 3.5.1.
  @Test func `events: type, the pair before, the pair`() throws {
    let simple = try Printer(format: .simple, isHexadecimal: true).watch(Self.watch)
    #expect(
      Self.text(simple) == """
        PUT
        \\x66\\x6f\\x6f
        \\x6f\\x6c\\x64
        \\x66\\x6f\\x6f
        \\x62\\x01\\xff\\x22\\x5c\\xc3\\xa9
        DELETE
        \\x62\\x61\\x72


        """)
    #expect(
      Self.text(try Printer(format: .json).watch(Self.watch)) == """
        {"Header":{"cluster_id":324952591200643719,"member_id":3319814642761637952,"revision":6,\
        "raft_term":2},"Events":[{"kv":{"key":"Zm9v","create_revision":3,"mod_revision":6,\
        "version":4,"value":"YgH/IlzDqQ=="},"prev_kv":{"key":"Zm9v","create_revision":3,\
        "mod_revision":5,"version":3,"value":"b2xk"}},{"type":1,"kv":{"key":"YmFy",\
        "mod_revision":6}}],"CompactRevision":0,"Canceled":false,"Created":false}

        """)
    let fields = Self.text(try Printer(format: .fields).watch(Self.watch))
    #expect(fields.contains("\"RaftTerm\" : 2\n\"Type\" : PUT\n\"PrevKey\" : \"foo\"\n"))
    #expect(fields.contains("\"Type\" : DELETE\n\"Key\" : \"bar\"\n"))
  }

  @Test func `a limited range says more`() throws {
    let limited = EtcdRangeResponse.make {
      $0.header = Self.header
      $0.more = true
      $0.count = 2
    }
    #expect(
      Self.text(try Printer(format: .json).range(limited)) == """
        {"header":{"cluster_id":324952591200643719,"member_id":3319814642761637952,"revision":6,\
        "raft_term":2},"more":true,"count":2}

        """)
    #expect(
      Self.text(try Printer(format: .fields).range(limited)).hasSuffix(
        "\"More\" : true\n\"Count\" : 2\n"))
  }

  @Test func `a range, fields: Go's quoting`() throws {
    #expect(
      Self.text(try Printer(format: .fields).range(Self.range)) == #"""
        "ClusterID" : 324952591200643719
        "MemberID" : 3319814642761637952
        "Revision" : 6
        "RaftTerm" : 2
        "Key" : "foo"
        "CreateRevision" : 3
        "ModRevision" : 6
        "Version" : 4
        "Value" : "b\x01\xff\"\\é"
        "Lease" : 0
        "More" : false
        "Count" : 1

        """#)
  }

  @Test func `a key-value answer has no table`() {
    #expect(throws: CommandFailure(.badFeature, "table not supported as output format")) {
      try Printer(format: .table).range(Self.range)
    }
  }

  @Test func `a put with the pair before it`() throws {
    let put = EtcdPutResponse.make {
      $0.header = Self.header
      $0.prevKv = Self.foo
    }
    #expect(
      try Printer(format: .simple).put(put)
        == Array("OK\nfoo\n".utf8) + [0x62, 0x01, 0xFF, 0x22, 0x5C, 0xC3, 0xA9, 0x0A])
    #expect(
      Self.text(try Printer(format: .fields).put(put)) == #"""
        "ClusterID" : 324952591200643719
        "MemberID" : 3319814642761637952
        "Revision" : 6
        "RaftTerm" : 2
        "PrevKey" : "foo"
        "PrevCreateRevision" : 3
        "PrevModRevision" : 6
        "PrevVersion" : 4
        "PrevValue" : "b\x01\xff\"\\é"
        "PrevLease" : 0

        """#)
  }

  @Test func `a delete`() throws {
    let deletion = EtcdDeleteRangeResponse.make {
      $0.header = Self.header
      $0.deleted = 1
      $0.prevKvs = [Self.foo]
    }
    #expect(
      Self.text(try Printer(format: .json).deleteRange(deletion)) == """
        {"header":{"cluster_id":324952591200643719,"member_id":3319814642761637952,"revision":6,\
        "raft_term":2},"deleted":1,"prev_kvs":[{"key":"Zm9v","create_revision":3,\
        "mod_revision":6,"version":4,"value":"YgH/IlzDqQ=="}]}

        """)
  }

  /// In json as etcdctl 3.5.1: 3.4 named the answers `ResponsePut`.
  @Test func `a transaction`() throws {
    let inner = EtcdResponseHeader.make { $0.revision = 11 }
    let txn = EtcdTxnResponse.make {
      $0.header = Self.header
      $0.succeeded = true
      $0.responses = [
        .make { $0.responsePut = .make { $0.header = inner } },
        .make { $0.responseDeleteRange = .make { $0.header = inner } },
      ]
    }
    #expect(Self.text(try Printer(format: .simple).txn(txn)) == "SUCCESS\n\nOK\n\n0\n")
    #expect(
      Self.text(try Printer(format: .json).txn(txn)) == """
        {"header":{"cluster_id":324952591200643719,"member_id":3319814642761637952,"revision":6,\
        "raft_term":2},"succeeded":true,"responses":[{"Response":{"response_put":{"header":\
        {"revision":11}}}},{"Response":{"response_delete_range":{"header":{"revision":11}}}}]}

        """)
    #expect(
      Self.text(try Printer(format: .fields).txn(txn)) == """
        "ClusterID" : 324952591200643719
        "MemberID" : 3319814642761637952
        "Revision" : 6
        "RaftTerm" : 2
        "Succeeded" : true
        "ClusterID" : 0
        "MemberID" : 0
        "Revision" : 11
        "RaftTerm" : 0
        "ClusterID" : 0
        "MemberID" : 0
        "Revision" : 11
        "RaftTerm" : 0
        "Deleted" : 0

        """)
  }

  @Test func `members`() throws {
    let list = EtcdMemberListResponse.make {
      $0.members = [
        .make {
          $0.id = 3_319_814_642_761_637_952
          $0.name = "default"
          $0.peerUrls = ["http://127.0.0.1:23800"]
          $0.clientUrls = ["http://127.0.0.1:23790"]
        }
      ]
    }
    #expect(
      try Printer(format: .simple).memberList(list)
        == "2e1259d415f2a040, started, default, http://127.0.0.1:23800, "
        + "http://127.0.0.1:23790, false\n")
    #expect(
      try Printer(format: .table).memberList(list) == """
        +------------------+---------+---------+------------------------+------------------------\
        +------------+
        |        ID        | STATUS  |  NAME   |       PEER ADDRS       |      CLIENT ADDRS      \
        | IS LEARNER |
        +------------------+---------+---------+------------------------+------------------------\
        +------------+
        | 2e1259d415f2a040 | started | default | http://127.0.0.1:23800 | http://127.0.0.1:23790 \
        |      false |
        +------------------+---------+---------+------------------------+------------------------\
        +------------+

        """)
  }

  /// These by etcdctl 3.5.1.
  @Test func `members with ids in hexadecimal`() throws {
    let list = EtcdMemberListResponse.make {
      $0.header = Self.header
      $0.members = [
        .make {
          $0.id = 0x97249a1712ec64a0
          $0.name = "n1"
          $0.peerUrls = ["http://127.0.0.1:34102"]
          $0.clientUrls = ["http://127.0.0.1:34101"]
        },
        .make {
          $0.id = 0x1dcc9a272b3d1b45
          $0.peerUrls = ["http://127.0.0.1:9"]
        },
      ]
    }
    #expect(
      try Printer(format: .json, isHexadecimal: true).memberList(list) == """
        {"header":{"cluster_id":"48276a8f75b6a87","member_id":"2e1259d415f2a040","raft_term":2},\
        "members":[{"ID":"97249a1712ec64a0","name":"n1","peerURLs":["http://127.0.0.1:34102"],\
        "clientURLS":["http://127.0.0.1:34101"]},{"ID":"1dcc9a272b3d1b45","name":"",\
        "peerURLs":["http://127.0.0.1:9"],"clientURLS":null}]}

        """)
  }

  @Test func `protobuf is the message itself, where there is one`() throws {
    let printer = Printer(format: .protobuf)
    #expect(try printer.range(Self.range) == Self.range.encodedBytes)
    #expect(try printer.watch(Self.watch) == Self.watch.encodedBytes)
    let list = EtcdMemberListResponse.make { $0.header = Self.header }
    #expect(try printer.bytes(list, printer.memberList) == list.encodedBytes)
    #expect(try printer.leaderMoved(from: 1, to: 2).isEmpty)
    #expect(throws: CommandFailure.unsupported(.protobuf)) { try printer.status([]) }
    #expect(throws: CommandFailure.unsupported(.protobuf)) { try printer.health([]) }
  }

  @Test func `the status of an endpoint`() throws {
    let status = EtcdStatusResponse.make {
      $0.header = Self.header
      $0.version = "3.4.23"
      $0.dbSize = 32768
      $0.dbSizeInUse = 16384
      $0.leader = 3_319_814_642_761_637_952
      $0.raftIndex = 9
      $0.raftTerm = 2
      $0.raftAppliedIndex = 9
    }
    let answers = [("127.0.0.1:23790", status)]
    #expect(
      try Printer(format: .simple).status(answers)
        == "127.0.0.1:23790, 2e1259d415f2a040, 3.4.23, 33 kB, true, false, 2, 9, 9, \n")
    #expect(
      try Printer(format: .json).status(answers) == """
        [{"Endpoint":"127.0.0.1:23790","Status":{"header":{"cluster_id":324952591200643719,\
        "member_id":3319814642761637952,"revision":6,"raft_term":2},"version":"3.4.23",\
        "dbSize":32768,"leader":3319814642761637952,"raftIndex":9,"raftTerm":2,\
        "raftAppliedIndex":9,"dbSizeInUse":16384}}]

        """)
  }

  @Test func `the hash of an endpoint`() throws {
    let hash = EtcdHashKVResponse.make {
      $0.header = Self.header
      $0.hash = 1_569_876_678
      $0.compactRevision = -1
    }
    let answers = [("127.0.0.1:23790", hash)]
    #expect(try Printer(format: .simple).hashKV(answers) == "127.0.0.1:23790, 1569876678\n")
    #expect(
      try Printer(format: .table).hashKV(answers) == """
        +-----------------+------------+
        |    ENDPOINT     |    HASH    |
        +-----------------+------------+
        | 127.0.0.1:23790 | 1569876678 |
        +-----------------+------------+

        """)
    #expect(try Printer(format: .json).hashKV(answers).hasSuffix("\"compact_revision\":-1}}]\n"))
  }

  @Test func `health goes to the output, illness to the errors`() throws {
    let well = EndpointHealth(endpoint: "a:1", isHealthy: true, took: "2.75101ms", error: "")
    let ill = EndpointHealth(endpoint: "b:1", isHealthy: false, took: "5s", error: "no leader")
    let text = try Printer(format: .simple).health([well, ill])
    #expect(
      text.output == "a:1 is healthy: successfully committed proposal: took = 2.75101ms\n")
    #expect(text.errors == "b:1 is unhealthy: failed to commit proposal: no leader\n")
    #expect(
      try Printer(format: .json).health([well]).output
        == "[{\"endpoint\":\"a:1\",\"health\":true,\"took\":\"2.75101ms\"}]\n")
  }
}

/// Go's standard library is the reference.
@Suite struct `Texts as Go writes them` {
  @Test(arguments: [
    (2_751_010, "2.75101ms"), (1_500_000_000, "1.5s"), (90_000_000_000, "1m30s"), (0, "0s"),
    (999, "999ns"), (3_600_000_000_000, "1h0m0s"), (1_500, "1.5µs"),
  ])
  func `durations`(nanoseconds: Int64, text: String) {
    #expect(GoText.duration(.nanoseconds(nanoseconds)) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (9, "9 B"), (999, "999 B"), (1000, "1.0 kB"), (32768, "33 kB"),
    (1_500_000, "1.5 MB"), (16_384_000, "16 MB"),
  ])
  func `sizes`(bytes: UInt64, text: String) {
    #expect(GoText.size(bytes) == text)
  }

  @Test func `strings, quoted and read back`() throws {
    let bytes: [UInt8] = [0x00, 0x07, 0x0A, 0x22, 0x5C, 0x7F, 0xC2, 0xA0, 0xE2, 0x82, 0xAC, 0xFE]
    let quoted = GoText.quoted(bytes)
    #expect(quoted == #""\x00\a\n\"\\\x7f\u00a0€\xfe""#)
    let read = try #require(GoUnquote.literal(quoted[...]))
    #expect(read.value == bytes && read.rest.isEmpty)
  }

  @Test func `JSON escapes HTML and control characters`() {
    #expect(GoText.json("<a>&\"\u{1}\n") == #""\u003ca\u003e\u0026\"\u0001\n""#)
  }
}
