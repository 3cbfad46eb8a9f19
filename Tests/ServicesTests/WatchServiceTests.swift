import EtcdAPI
import Foundation
import KeyValue
import Services
import Testing

@Suite struct `A watch's messages` {
  private let header = AnswerHeader(cluster: 1 << 63, member: 7, raftTerm: 3)

  private func row(_ key: String, _ value: [UInt8], version: Int64 = 2) -> Row {
    Row(
      number: 9, modRevision: 300, subRevision: 0, key: [UInt8](key.utf8), value: value,
      createRevision: version == 0 ? 0 : 299, version: version, lease: version == 0 ? 0 : 5)
  }

  @Test func `a creation keeps every field`() throws {
    let message = EtcdWatchRequest.make {
      $0.createRequest = .make {
        $0.key = Data([1])
        $0.rangeEnd = Data([2])
        $0.startRevision = 3
        $0.progressNotify = true
        $0.filters = [.nodelete]
        $0.prevKv = true
        $0.watchID = -4
        $0.fragment = true
      }
    }
    var expected = WatchRequest(range: KeyRange(key: [1], end: [2]))
    expected.startRevision = 3
    expected.progressNotify = true
    expected.withoutDeletes = true
    expected.previousPairs = true
    expected.id = -4
    expected.fragment = true
    #expect(try WatchService.order(body: message.encodedBytes) == .create(expected))
  }

  @Test func `the other orders, and what is none`() throws {
    let cancel = EtcdWatchRequest.make { $0.cancelRequest = .make { $0.watchID = 5 } }
    let progress = EtcdWatchRequest.make { $0.progressRequest = EtcdWatchProgressRequest() }
    #expect(try WatchService.order(body: cancel.encodedBytes) == .cancel(5))
    #expect(try WatchService.order(body: progress.encodedBytes) == .progress)
    #expect(try WatchService.order(body: []) == .nothing)
    #expect(throws: EtcdStatus.self) { try WatchService.order(body: [0xff]) }
  }

  /// etcd v3rpc/watch.go recvLoop.
  @Test func `an empty key is the first of all`() throws {
    let one = EtcdWatchRequest.make { $0.createRequest = EtcdWatchCreateRequest() }
    let all = EtcdWatchRequest.make { $0.createRequest = .make { $0.rangeEnd = Data([0]) } }
    #expect(
      try WatchService.order(body: one.encodedBytes)
        == .create(WatchRequest(range: KeyRange(key: [0]))))
    #expect(
      try WatchService.order(body: all.encodedBytes)
        == .create(WatchRequest(range: KeyRange(key: [0], end: [0]))))
  }

  @Test func `events by hand are the events of SwiftProtobuf`() throws {
    let put = row("a", Array(repeating: 7, count: 300))
    let created = row("é", [], version: 1)
    let deleted = row("b", [], version: 0)
    let events = [
      WatchAnswer.event(put, previous: created), WatchAnswer.event(created, previous: nil),
      WatchAnswer.event(deleted, previous: put),
    ]
    let expected = EtcdWatchResponse.make {
      $0.header = header.message(revision: 300)
      $0.watchID = -1
      $0.fragment = true
      $0.events = [
        .make {
          $0.kv = EtcdKeyValue(put)
          $0.prevKv = EtcdKeyValue(created)
        },
        .make { $0.kv = EtcdKeyValue(created) },
        .make {
          $0.type = .delete
          $0.kv = EtcdKeyValue(deleted)
          $0.prevKv = EtcdKeyValue(put)
        },
      ]
    }
    #expect(
      WatchAnswer.message(header, revision: 300, watch: -1, events: events[...], isFragment: true)
        == expected.encodedBytes)
  }

  @Test func `answers without events`() throws {
    func message(_ content: WatchResponse.Content, _ revision: Int64) throws -> EtcdWatchResponse {
      let response = WatchResponse(
        stream: WatchStreamID(1), watch: 2, revision: revision, content: content)
      return try EtcdWatchResponse(decoding: WatchService.message(response, header))
    }
    let base = EtcdWatchResponse.make {
      $0.header = header.message(revision: 8)
      $0.watchID = 2
    }
    #expect(try message(.progress, 8) == base)
    var expected = base
    expected.created = true
    #expect(try message(.created, 8) == expected)
    expected.canceled = true
    expected.cancelReason = "mvcc: watcher range is empty"
    #expect(try message(.refused(.emptyRange), 8) == expected)
    expected.cancelReason = "mvcc: duplicate watch ID provided on the WatchStream"
    #expect(try message(.refused(.duplicateID), 8) == expected)
    expected.created = false
    expected.cancelReason = ""
    #expect(try message(.cancelled, 8) == expected)
    expected.header = header.message(revision: 0)
    expected.compactRevision = 6
    #expect(try message(.compacted(6), 0) == expected)
    #expect(
      try message(.ended(resume: 9), 0).cancelReason
        == "quorate: the watch was ended; resume at revision 9")
  }

  @Test func `what is too long is split between events, and a long event stays whole`() {
    let events = [3, 3, 9, 2, 2].map { [UInt8](repeating: 1, count: $0) }
    let parts = WatchAnswer.parts(of: events, limitBytes: 7).map { $0.map(\.count) }
    #expect(parts == [[3, 3], [9], [2, 2]])
    #expect(WatchAnswer.parts(of: [events[2]], limitBytes: 1).count == 1)
  }
}
