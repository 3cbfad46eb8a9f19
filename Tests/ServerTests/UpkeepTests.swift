import QuorateClient
import EtcdAPI
import Foundation
import KeyValue
import Member
import Raft
import Replica
import Testing

@testable import Handlers
@testable import Host
@testable import Server
@testable import Storage

/// Alarms, the quota, digests and snapshots over real sockets and files.
@Suite(.serialized) struct `looking after the store` {
  // MARK: The quota

  @Test func `a full store refuses what grows, on every member, and recovers by itself`()
    async throws
  {
    try await TestCluster.run(3, started: false) { cluster in
      for number in 1...3 { try await cluster.start(number) { $0.quotaBytes = 2 << 20 } }
      let client = try cluster.client()
      let value = String(repeating: "x", count: 50_000)
      try await cluster.wait(for: "the quota to be reached") {
        for number in 0..<4 { _ = try? await client.put("k\(number)", value) }
        return (try? await client.alarms().message.alarms.count) ?? 0 > 0
      }
      for number in 1...3 {
        let one = try cluster.client(number)
        do throws(ClientError) {
          _ = try await one.put("more", "x")
          Issue.record("n\(number) takes a put")
        } catch {
          #expect("\(error)".contains("database space exceeded"))
        }
        await one.close()
      }
      let page = try await cluster.page(1, "/health")
      #expect(page.status == 503)
      #expect(String(decoding: page.body, as: UTF8.self).contains("ALARM NOSPACE"))
      let status = try await client.status(of: client.endpoints[0]).message
      #expect(status.errors.contains { $0.contains("alarm:NOSPACE") })
      #expect(status.dbSizeInUse > 1 << 20 && status.dbSize >= status.dbSizeInUse)

      // Deletes and compaction pass, and are all that it takes.
      let gone = try await client.deleteRange(
        .make {
          $0.key = Data("k".utf8)
          $0.rangeEnd = Data("l".utf8)
        })
      _ = try await client.compact(
        .make {
          $0.revision = gone.message.header.revision
          $0.physical = true
        })
      try await cluster.wait(for: "the alarms to go") {
        try await client.alarms().message.alarms.isEmpty
      }
      _ = try await client.put("more", "x")
      await client.close()
    }
  }

  @Test func `alarms are raised, listed and taken back as in etcd`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      try await cluster.put("a", "1", with: client)
      let raise = EtcdAlarmRequest.make {
        $0.action = .activate
        $0.memberID = 77
        $0.alarm = .nospace
      }
      let raised: Reply<EtcdAlarmResponse> = try await client.call(
        EtcdMethod.Maintenance.alarm, raise, .write)
      let alarm = EtcdAlarmMember.make {
        $0.memberID = 77
        $0.alarm = .nospace
      }
      #expect(raised.message.alarms == [alarm])
      #expect(try await client.alarms().message.alarms == [alarm])
      await #expect(throws: ClientError.self) { try await client.put("b", "1") }
      #expect(try await client.disarm(alarm).message.alarms == [alarm])
      #expect(try await client.disarm(alarm).message.alarms == [])
      _ = try await client.put("b", "1")
      await client.close()
    }
  }

  @Test func `defragment answers when nothing is left to give`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      let value = String(repeating: "x", count: 20_000)
      try await cluster.put("a", value, with: client)
      for number in 0..<100 { _ = try await client.put("a\(number)", value) }
      let gone = try await client.deleteRange(
        .make {
          $0.key = Data("a".utf8)
          $0.rangeEnd = Data("b".utf8)
        })
      _ = try await client.compact(
        .make {
          $0.revision = gone.message.header.revision
          $0.physical = true
        })
      _ = try await client.defragment(client.endpoints[0])
      let status = try await client.status(of: client.endpoints[0]).message
      #expect(status.dbSizeInUse < 200_000, "\(status)")
      let file = cluster.directory + "/n1/state-1.db"
      let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
      #expect(size ?? .max < 200_000)
      await client.close()
    }
  }

  // MARK: Digests

  private func quick(_ settings: inout MemberSettings) {
    settings.replica.digestInterval = .milliseconds(200)
    settings.scrub.cycle = .milliseconds(100)
  }

  private func awaitFence(
    of number: Int, in cluster: TestCluster, _ client: EtcdClient
  ) async throws {
    try await cluster.wait(for: "n\(number) to be fenced") {
      let alarms = try await client.alarms().message.alarms
      return alarms.contains { $0.alarm == .corrupt }
    }
    let one = try cluster.client(number)
    try await cluster.wait(for: "n\(number) to serve nothing") {
      do throws(ClientError) {
        _ = try await one.range(
          .make {
            $0.key = Data("key-1".utf8)
            $0.serializable = true
          })
        return false
      } catch {
        return "\(error)".contains("corrupt cluster")
      }
    }
    let status = try await one.status(of: one.endpoints[0]).message
    #expect(
      status.errors.contains { $0.contains("CORRUPT") && $0.contains("revisions") }, "\(status)")
    await one.close()
    // The others go on.
    _ = try await client.put("after", "1")
  }

  /// A quorum without it may have answered the writer.
  private func awaitKey(
    _ key: String, at number: Int, in cluster: TestCluster
  ) async throws {
    let one = try cluster.client(number)
    try await cluster.wait(for: "\(key) at n\(number)") {
      try await !one.range(
        .make {
          $0.key = Data(key.utf8)
          $0.serializable = true
        }
      ).message.kvs.isEmpty
    }
    await one.close()
  }

  /// A copy of the state begins when all that is applied is in the file.
  private func awaitFlush(of number: Int, in cluster: TestCluster) async throws {
    try await awaitKey("key-20", at: number, in: cluster)
    let one = try cluster.client(number)
    try await one.snapshot(of: one.endpoints[0]) { _ throws(SnapshotRefused) in }
    await one.close()
  }

  /// The row of the file; `nil`: it is not flushed yet.
  private func row(
    _ number: RowNumber, in file: String, on connection: Connection
  ) throws -> Row? {
    let select = try connection.prepare("SELECT \(RowTable.columns) FROM row WHERE number = ?1")
    var found: Row?
    _ = try select.first(number) { () throws(StorageError) in
      found = try RowTable.row(by: select, in: file)
    }
    return found
  }

  /// Row, checksum, count and digests agree with each other: no start can tell.
  private func change(_ file: String) throws {
    let connection = try Connection(file, .write, on: POSIXFileSystem())
    defer { connection.close() }
    // An orderly end flushes what was applied.
    let before = try #require(try row(2, in: file, on: connection))
    var after = before
    after.value = Array("tampered".utf8)
    var meta = try StateFile.meta(on: connection)
    let difference = StateDigest(of: after) - StateDigest(of: before)
    meta.digest = meta.digest + difference
    meta.presentDigest = meta.presentDigest + difference
    try connection.execute("DELETE FROM row WHERE number = 2")
    try RowTable.insert(after, with: try connection.prepare(RowTable.insert))
    var bytes: [UInt8] = []
    meta.encode(into: &bytes)
    let put = try connection.prepare("UPDATE meta SET body = ?1")
    try put.bind(Record.seal(.meta, bytes), at: 1)
    try put.run()
  }

  @Test func `a member whose file was changed while it was stopped is fenced`() async throws {
    try await TestCluster.run(3, started: false) { cluster in
      for number in 1...3 { try await cluster.start(number, settings: quick) }
      let client = try cluster.client()
      for number in 1...20 {
        try await cluster.put("key-\(number)", "value", with: client)
      }
      await client.close()
      try await awaitKey("key-20", at: 3, in: cluster)
      await cluster.shutDown(3)
      try change(cluster.directory + "/n3/state-1.db")
      try await cluster.start(3, settings: quick)
      let others = try cluster.client(1, 2)
      try await awaitFence(of: 3, in: cluster, others)
      await others.close()
    }
  }

  @Test func `a row that is changed in the file of a running member is found`() async throws {
    try await TestCluster.run(3, started: false) { cluster in
      for number in 1...3 { try await cluster.start(number, settings: quick) }
      let client = try cluster.client()
      for number in 1...20 {
        try await cluster.put("key-\(number)", "value", with: client)
      }
      try await awaitFlush(of: 2, in: cluster)
      // With its checksum, as somebody would who knows it.
      let file = cluster.directory + "/n2/state-1.db"
      let connection = try Connection(file, .write, on: POSIXFileSystem())
      // The member's readers let go of the file when they come by.
      try connection.execute("PRAGMA busy_timeout = 10000")
      var changed = try #require(try row(3, in: file, on: connection))
      changed.value = Array("tampered".utf8)
      try connection.transaction { () throws(StorageError) in
        try connection.execute("DELETE FROM row WHERE number = 3")
        try RowTable.insert(changed, with: try connection.prepare(RowTable.insert))
      }
      connection.close()
      await client.close()
      let others = try cluster.client(1, 3)
      try await awaitFence(of: 2, in: cluster, others)
      await others.close()
    }
  }

  // MARK: Snapshots

  @Test func `a snapshot holds what was acknowledged before it was asked for`() async throws {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      try await cluster.put("a", String(repeating: "x", count: 100_000), with: client)
      let revision = try await client.put("b", "2")
      var bytes: [UInt8] = []
      var check = SnapshotCheck()
      var remaining: [UInt64] = []
      try await client.snapshot(of: client.endpoints[0]) { message throws(SnapshotRefused) in
        bytes += [UInt8](message.blob)
        check.take(message)
        remaining.append(message.remainingBytes)
      }
      #expect(check.isWhole)
      #expect(remaining == remaining.sorted(by: >) && remaining.suffix(2) == [0, 0])
      let path = cluster.directory + "/snapshot.db"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let file = try SnapshotFile(at: path, skipsHash: false)
      #expect(file.revision == revision && file.keyCount == 2)
      try await cluster.wait(for: "the copy to be removed") {
        try FileManager.default.contentsOfDirectory(atPath: cluster.directory + "/n1")
          .allSatisfy { !$0.hasPrefix("backup-") }
      }
      await client.close()
    }
  }

  @Test func `a client that goes away leaves no copy behind, and few may ask at a time`()
    async throws
  {
    try await TestCluster.run(1) { cluster in
      let client = try cluster.client()
      for number in 0..<40 {
        try await cluster.put("k\(number)", String(repeating: "x", count: 100_000), with: client)
      }
      var streams: [CallStream<EtcdSnapshotRequest, EtcdSnapshotResponse>] = []
      for _ in 0..<2 {
        let stream: CallStream<EtcdSnapshotRequest, EtcdSnapshotResponse> = try await client.open(
          EtcdMethod.Maintenance.snapshot, at: client.endpoints[0])
        _ = await stream.send(EtcdSnapshotRequest())
        _ = try await stream.next()
        streams.append(stream)
      }
      do throws(ClientError) {
        try await client.snapshot(of: client.endpoints[0]) { _ throws(SnapshotRefused) in }
        Issue.record("a third snapshot is made")
      } catch {
        #expect("\(error)".contains("too many requests"))
      }
      // They read nothing, and compaction goes on all the same.
      _ = try await client.compact(
        .make {
          $0.revision = 20
          $0.physical = true
        })
      for stream in streams { stream.cancel() }
      try await cluster.wait(for: "the copies to be removed") {
        try FileManager.default.contentsOfDirectory(atPath: cluster.directory + "/n1")
          .allSatisfy { !$0.hasPrefix("backup-") }
      }
      try await client.snapshot(of: client.endpoints[0]) { _ throws(SnapshotRefused) in }
      await client.close()
    }
  }

  /// Whoever begins empty, or from another file, does not form with restored members.
  @Test func `restored members form only with each other`() async throws {
    try await TestCluster.run(1) { origin in
      let client = try origin.client()
      try await origin.put("a", "1", with: client)
      var bytes: [UInt8] = []
      try await client.snapshot(of: client.endpoints[0]) { message throws(SnapshotRefused) in
        bytes += [UInt8](message.blob)
      }
      await client.close()
      try await TestCluster.run(2, started: false) { cluster in
        let path = cluster.directory + "/snapshot.db"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        func restore(_ number: Int) throws {
          var wish = SnapshotFile.Wish()
          wish.flags = cluster.flags(number)
          _ = try SnapshotFile(at: path, skipsHash: false).restore(wish)
        }
        try restore(1)
        let first = try await cluster.start(1)
        let second = try await cluster.start(2)
        // The empty one has promised nothing yet, and takes the other's word.
        async let one = first.ended()
        async let two = second.ended()
        let exits = await [one, two]
        #expect(exits.contains { $0?.code == 21 }, "\(exits)")
        for number in 1...2 { await cluster.abandon(number) }
        try FileManager.default.removeItem(atPath: cluster.directory + "/n2")
        try restore(2)
        for number in 1...2 { try await cluster.start(number) }
        let both = try cluster.client()
        try await cluster.put("b", "2", with: both)
        #expect(try await both.get("a") == Data("1".utf8))
        await both.close()
      }
    }
  }

  // MARK: Recovery

  @Test func `a store whose majority is lost goes on with what is left, and refuses the rest`()
    async throws
  {
    try await TestCluster.run(3) { cluster in
      let client = try cluster.client()
      for number in 1...30 { try await cluster.put("key-\(number)", "1", with: client) }
      await client.close()
      try await awaitKey("key-30", at: 1, in: cluster)
      for number in 1...3 { await cluster.shutDown(number) }
      let directories = (1...3).map { cluster.directory + "/n\($0)" }
      #expect(throws: StoreRecovery.Failure.self) {
        try StoreRecovery(directories: Array(directories.prefix(2)))
      }
      #expect(throws: StoreRecovery.Failure.self) {
        try StoreRecovery(directories: [cluster.directory])
      }
      // For good, but for the second's directory, which comes back later.
      try FileManager.default.removeItem(atPath: directories[2])
      let recovery = try StoreRecovery(directories: [directories[0]])
      #expect(recovery.text.contains { $0.hasPrefix("may be lost: every entry after ") })
      try recovery.perform()
      recovery.close()
      try await cluster.start(1)
      let alone = try cluster.client(1)
      try await cluster.put("after", "2", with: alone)
      #expect(try await alone.get("key-30") == Data("1".utf8))
      #expect(try await alone.memberList().message.members.map(\.name) == ["n1"])
      // A lost member that comes back is refused, and changes nothing.
      try await cluster.start(2)
      try await Task.sleep(for: .seconds(1))
      _ = try await alone.put("after", "3")
      let other = try cluster.client(2)
      await #expect(throws: ClientError.self) { try await other.put("x", "1") }
      await other.close()
      await alone.close()
    }
  }
}
