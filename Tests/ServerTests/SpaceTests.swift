import QuorateClient
import EtcdAPI
import Foundation
import Storage
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// A full disk, as clients see it (etcd's alarm NOSPACE).
@Suite(.serialized) struct SpaceTests {
  @Test func `what grows is refused with etcd's words; deletes, compaction and reads pass`()
    async throws
  {
    try await TestCluster.run(1) { cluster in
      let before = try cluster.client()
      try await cluster.put("k", "v", with: before)
      await before.close()
      await cluster.shutDown(1)
      // More than any disk has.
      try await cluster.start(1, settings: { $0.storage.neededBytes = 1 << 60 })

      let client = try cluster.client()
      var refusal: CallFailure?
      try await cluster.wait(for: "a refusal") {
        do throws(ClientError) {
          try await client.put("k", "larger")
        } catch {
          if case .refused(let failure) = error { refusal = failure }
        }
        return refusal?.why?.rule == .noSpace
      }
      #expect(refusal?.status == .noSpace)
      #expect(refusal?.why?.hasNoEffect == true)
      #expect(refusal?.why?.stillWorks == "reads, deletes and compaction")
      // A transaction grows if one of its branches may.
      let txn = EtcdTxnRequest.make {
        $0.failure = [
          .make {
            $0.requestPut = .make {
              $0.key = Data("k".utf8)
              $0.value = Data("v".utf8)
            }
          }
        ]
      }
      await #expect(throws: ClientError.self) { try await client.txn(txn) }

      #expect(try await client.get("k") != nil)
      let deleted = try await client.deleteRange(.make { $0.key = Data("k".utf8) })
      #expect(deleted.message.deleted == 1)
      let revision = deleted.message.header.revision
      _ = try await client.compact(
        .make {
          $0.revision = revision
          $0.physical = true
        })
      #expect(try await client.get("k") == nil)
      await client.close()
    }
  }
}
