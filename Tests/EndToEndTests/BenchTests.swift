import QuorateClient
import Foundation
import Lab
import Testing

extension EndToEnd {
  @Suite struct `The benchmark on real members` {
    private struct Run {
      let fields: [String: Any]

      subscript(_ name: String) -> Double { (fields[name] as? NSNumber)?.doubleValue ?? -1 }
    }

    private func bench(_ lab: borrowing TestLab, _ words: String...) throws -> Run {
      let endpoints = try lab.endpoints().map(\.description).joined(separator: ",")
      let members = try lab.lab.look().map { "\($0.process.processID)" }.joined(separator: ",")
      let text = try Shell.run(
        [TestLab.executable, "bench"] + words
          + [
            "-w", "json", "--endpoints", endpoints, "--server-pids", members, "--keys", "500",
            "--clients", "8", "--connections", "3", "--warm-up", "10",
          ])
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
      return Run(fields: try #require(object as? [String: Any]))
    }

    /// What each operation must have brought back shows that it asked for what it says.
    @Test func `fills a store, then asks in every way, and says what was used`() async throws {
      let lab = try TestLab(members: 3)
      let filled = try bench(lab, "load")
      #expect(filled["requests"] == 5 && filled["errorCount"] == 0)
      let client = try lab.client()
      #expect(try await client.get("load/000000000000499")?.count == 256)
      await client.close()

      let put = try bench(lab, "put", "--total", "300")
      #expect(put["requests"] == 300 && put["errorCount"] == 0 && put["perSecond"] > 0)
      #expect(put["serverCPUMicrosecondsPerOperation"] > 0)
      #expect(put["writtenBytesPerOperation"] >= 3 * 256, "three members hold the value")
      let syncs = Run(fields: put.fields["syncs"] as? [String: Any] ?? [:])
      #expect(syncs["count"] > 0 && syncs["entriesPerSync"] > 0)

      for operation in ["get", "get-serializable"] {
        let get = try bench(lab, operation, "--total", "100")
        #expect((256..<500).contains(get["answerBytesPerOperation"]), "\(operation)")
      }
      #expect(try bench(lab, "txn", "--total", "100")["errorCount"] == 0)
      for operation in ["range", "page"] {
        let found = try bench(lab, operation, "--total", "20", "--limit", "50", "--sequential")
        let bytes = found["answerBytesPerOperation"]
        #expect((50 * 256..<50 * 500).contains(bytes), "\(operation)")
      }
      let timed = try bench(lab, "put", "--rate", "200", "--seconds", "0.5")
      #expect(timed["requests"] == 100 && timed["seconds"] >= 0.49)
    }

    @Test func `shows how long nobody was answered when the leader is killed`() throws {
      let lab = try TestLab(members: 3)
      let leader = try #require(try lab.leader())
      let endpoints = try lab.endpoints().map(\.description).joined(separator: ",")
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: TestLab.executable)
      process.arguments = [
        "bench", "put", "-w", "json", "--endpoints", endpoints, "--clients", "6",
        "--connections", "3", "--seconds", "3", "--warm-up", "0", "--timeout", "2s",
      ]
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      // The members' own count shows that puts are on their way.
      try eventually("puts arrive", within: 20) { (try lab.page(leader)?.applied ?? 0) > 20 }
      _ = try lab.lab.act(.kill, on: [leader])
      let bytes = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      let found = Run(
        fields: try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any]))
      #expect(process.terminationStatus == 0)
      // It went on, at other members: the gap is much shorter than the rest of the run.
      #expect(found["longestGapMilliseconds"] > 1 && found["longestGapMilliseconds"] < 2_000)
      #expect(found["requests"] > found["errorCount"] * 2)
    }
  }
}
