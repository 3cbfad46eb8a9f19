import QuorateClient
import EtcdAPI
import Foundation
import Lab
import Testing

extension EndToEnd {
  /// Times and sizes that the README promises (`make figures`); they need a quiet machine, so
  /// `make test` leaves them out.
  @Suite(.enabled(if: ProcessInfo.processInfo.environment["QUORATE_FIGURES"] != nil))
  struct Figures {
    @Test(arguments: [1, 8])
    func `a killed leader is missed for 300 ms at most`(lanes: Int) async throws {
      let lab = try TestLab(members: 3)
      let writer = SteadyWriter(endpoints: try lab.endpoints())
      var gaps: [Duration] = []
      for _ in 1...10 {
        try lab.awaitSame()
        let leader = try #require(try lab.leader())
        try await writer.run(lanes: lanes) {
          try await Task.sleep(for: .seconds(1))
          _ = try lab.lab.act(.kill, on: [leader])
          try await Task.sleep(for: .seconds(2))
        }
        gaps.append(writer.longestGap)
        _ = try lab.lab.act(.start, on: [leader])
      }
      report("leader killed, \(lanes) writers: longest gap", gaps)
      #expect(median(gaps) <= .milliseconds(300))
    }

    @Test func `a member with 200,000 keys serves within 500 ms of its start`() async throws {
      let lab = try TestLab(members: 3)
      try await load(200_000, lab)
      let leader = try #require(try lab.leader())
      let follower = leader % 3 + 1
      let memory = try anonymousMegabytes(lab, follower)
      print("figure: anonymous memory of a follower with 200,000 keys: \(memory) MB")
      #expect(memory <= 90)

      var options = ClientOptions()
      options.dialTimeout = .milliseconds(100)
      options.callTimeout = .milliseconds(500)
      var times: [Duration] = []
      for _ in 1...5 {
        _ = try lab.lab.act(.kill, on: [follower])
        let began = ContinuousClock.now
        _ = try lab.lab.act(.start, on: [follower])
        let client = EtcdClient(
          endpoints: [try lab.endpoints()[follower - 1]], options: options)
        while (try? await client.get("load/0000000")) == nil {
          guard ContinuousClock.now - began < .seconds(30) else {
            throw TooLate(description: "n\(follower) does not serve after 30 s")
          }
          try await Task.sleep(for: .milliseconds(5))
        }
        times.append(ContinuousClock.now - began)
        await client.close()
        try lab.awaitSame()
      }
      report("restart with 200,000 keys, from the order to a linearizable read", times)
      #expect(median(times) <= .milliseconds(500))
    }

    @Test func `writes never pause above 100 ms while a member comes back by snapshot`()
      async throws
    {
      let lab = try TestLab(members: 3, serverFlags: ["--snapshot-count", "500"])
      let leader = try #require(try lab.leader())
      let away = leader % 3 + 1
      let writer = SteadyWriter(
        endpoints: [1, 2, 3].filter { $0 != away }.compactMap { try? lab.endpoints()[$0 - 1] })
      var gaps: [Duration] = []
      try await load(50_000, lab)
      for _ in 1...3 {
        _ = try lab.lab.act(.kill, on: [away])
        // 2,000 entries, four times what the log keeps.
        try await load(20_000, lab, through: leader, batch: 10)
        try await writer.run(lanes: 8) {
          try await Task.sleep(for: .milliseconds(500))
          _ = try lab.lab.act(.start, on: [away])
          try eventually("n\(away) has caught up", within: 60) {
            let pages = try lab.lab.look().map(\.page)
            guard let back = pages[away - 1], let first = pages[leader - 1] else { return false }
            return back.phase == "serving" && back.applied + 500 > first.applied
          }
          try await Task.sleep(for: .milliseconds(500))
        }
        let log = try lab.lab.log(of: away, count: 200)
        #expect(log.contains { $0.contains("receives a snapshot") }, "it came back by the log")
        gaps.append(writer.longestGap)
        try lab.awaitSame()
      }
      report("catch-up by snapshot, 8 writers: longest gap", gaps)
      #expect(gaps.max()! <= .milliseconds(100))
    }

    /// Puts keys of 12 bytes with values of 256, `batch` a transaction.
    private func load(
      _ keys: Int, _ lab: borrowing TestLab, through member: MemberNumber = 1, batch: Int = 100
    ) async throws {
      let client = try lab.client(member, timeout: .seconds(30))
      let lanes = 4
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<lanes {
          group.addTask {
            for first in stride(from: lane * batch, to: keys, by: lanes * batch) {
              _ = try await client.txn(Self.puts(first..<min(first + batch, keys)))
            }
          }
        }
        try await group.waitForAll()
      }
      await client.close()
    }

    private static func puts(_ numbers: Range<Int>) -> EtcdTxnRequest {
      .make {
        $0.success = numbers.map { number in
          .make {
            $0.requestPut = .make {
              let digits = "\(number)"
              let key = "load/" + String(repeating: "0", count: 7 - digits.count) + digits
              $0.key = Data(key.utf8)
              $0.value = Data(repeating: UInt8(truncatingIfNeeded: number), count: 256)
            }
          }
        }
      }
    }

    /// Memory that belongs to the process alone and to no file, in 10^6 bytes.
    private func anonymousMegabytes(
      _ lab: borrowing TestLab, _ member: MemberNumber
    ) throws -> Int {
      let process = try lab.lab.look()[member - 1].process.processID
      let rollup = try String(contentsOfFile: "/proc/\(process)/smaps_rollup", encoding: .utf8)
      let line = try #require(rollup.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
      let kibibytes = try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
      return kibibytes * 1024 / 1_000_000
    }

    private func median(_ times: [Duration]) -> Duration { times.sorted()[times.count / 2] }

    private func report(_ what: String, _ times: [Duration]) {
      let milliseconds = times.sorted().map { Int($0 / .milliseconds(1)) }
      print(
        "figure: \(what): median \(Int(median(times) / .milliseconds(1))) ms of \(milliseconds)")
    }
  }
}
