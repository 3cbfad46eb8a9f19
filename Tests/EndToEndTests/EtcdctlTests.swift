import QuorateClient
import Foundation
import Testing

extension EndToEnd {
  /// Debian's etcdctl 3.4, unchanged.
  @Suite(.enabled(if: Shell.has("etcdctl"), "etcdctl is not installed: run `make setup`"))
  struct `An unchanged etcdctl` {
    @Test func `puts, gets, deletes, transacts, compacts and looks around`() throws {
      let lab = try TestLab(members: 3)
      let endpoints = try lab.endpoints().map(\.description).joined(separator: ",")
      func etcdctl(_ words: String..., input: String = "") throws -> String {
        try Shell.run(
          ["etcdctl", "--endpoints", endpoints] + words, input: input,
          environment: ["ETCDCTL_API": "3"])
      }
      #expect(try etcdctl("put", "a", "1") == "OK\n")
      #expect(try etcdctl("put", "b", "2") == "OK\n")
      #expect(try etcdctl("get", "a") == "a\n1\n")
      #expect(try etcdctl("get", "", "--from-key", "--keys-only") == "a\n\nb\n\n")
      #expect(try etcdctl("get", "a", "-w", "json").contains(#""value":"MQ==""#))
      let txn = "value(\"a\") = \"1\"\n\nput a 3\nget b\n\nput a 4\n\n"
      #expect(try etcdctl("txn", input: txn) == "SUCCESS\n\nOK\n\nb\n2\n")
      #expect(try etcdctl("get", "a", "--rev", "2") == "a\n1\n")
      #expect(try etcdctl("compaction", "4") == "compacted revision 4\n")
      #expect(throws: Shell.Failure.self) { try etcdctl("get", "a", "--rev", "2") }
      #expect(try etcdctl("del", "a") == "1\n")
      let status = try etcdctl("endpoint", "status", "--cluster", "-w", "table")
      #expect(status.split(separator: "\n").count == 7, "\(status)")
      let hashes = try etcdctl("endpoint", "hashkv", "--cluster").split(separator: "\n")
        .map { $0.split(separator: ",").last }
      #expect(hashes.count == 3 && Set(hashes).count == 1, "\(hashes)")
      #expect(try etcdctl("member", "list").contains("started, n2"))
      let granted = try etcdctl("lease", "grant", "60")
      #expect(granted.hasSuffix(" granted with TTL(60s)\n"))
      let lease = String(granted.split(separator: " ")[1])
      #expect(try etcdctl("put", "--lease", lease, "leased", "1") == "OK\n")
      #expect(
        try etcdctl("lease", "timetolive", lease, "--keys")
          .hasSuffix("s), attached keys([leased])\n"))
      #expect(
        try etcdctl("lease", "keep-alive", "--once", lease)
          == "lease \(lease) keepalived with TTL(60)\n")
      #expect(try etcdctl("lease", "list") == "found 1 leases\n\(lease)\n")
      #expect(try etcdctl("lease", "revoke", lease) == "lease \(lease) revoked\n")
      #expect(try etcdctl("get", "leased") == "")
      #expect(try etcdctl("lease", "timetolive", lease) == "lease \(lease) already expired\n")
      // Fails unless every endpoint is healthy; 3.4 says so on its error output.
      #expect(throws: Never.self) { try etcdctl("endpoint", "health") }
    }

    @Test func `watches from a revision on, as our own command does`() throws {
      let lab = try TestLab(members: 3)
      let endpoints = try lab.endpoints().map(\.description).joined(separator: ",")
      func etcdctl(_ words: String...) throws -> String {
        try Shell.run(
          ["etcdctl", "--endpoints", endpoints] + words, environment: ["ETCDCTL_API": "3"])
      }
      for value in ["1", "2"] { _ = try etcdctl("put", "a", value) }
      _ = try etcdctl("del", "a")
      func watched(_ program: String) throws -> String {
        let command = "timeout 4 \(program) --endpoints \(endpoints) watch a --rev 2 --prev-kv"
        return try Shell.run(["sh", "-c", command + " || true"], environment: ["ETCDCTL_API": "3"])
      }
      let expected = "PUT\na\n1\nPUT\na\n1\na\n2\nDELETE\na\n2\na\n\n"
      #expect(try watched("etcdctl") == expected)
      #expect(try watched(TestLab.executable) == expected)
    }
  }
}
