import QuorateClient
import EtcdAPI
import Foundation
import Synchronization
import Testing

/// A program that goes on beside the test; it goes with the test.
private final class Companion: Sendable {
  private let process: Process
  private let output = Mutex("")
  private let errors = Mutex("")

  init(_ words: [String]) throws {
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(["ETCDCTL_API": "3"]) { $1 }
    let (out, err) = (Pipe(), Pipe())
    process.standardOutput = out
    process.standardError = err
    out.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let text = String(decoding: handle.availableData, as: UTF8.self)
      self?.output.withLock { $0 += text }
    }
    err.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let text = String(decoding: handle.availableData, as: UTF8.self)
      self?.errors.withLock { $0 += text }
    }
    try process.run()
  }

  deinit { signal(SIGKILL) }

  var said: String { output.withLock { $0 } }
  var complained: String { errors.withLock { $0 } }

  func signal(_ number: Int32) { if process.isRunning { kill(process.processIdentifier, number) } }

  /// Its exit code, within so many seconds.
  func ended(within seconds: Int) throws -> Int32 {
    try eventually("the end of a program", within: seconds) { !process.isRunning }
    return process.terminationStatus
  }
}

extension EndToEnd {
  /// `quorate lock` and `elect`, alone and beside etcd's own client.
  @Suite struct `Locks and elections of real processes` {
    private func commands(_ lab: borrowing TestLab) throws -> [[String]] {
      let endpoints = try lab.endpoints().map(\.description).joined(separator: ",")
      let ours = [TestLab.executable, "--endpoints", endpoints]
      return Shell.has("etcdctl") ? [ours, ["etcdctl", "--endpoints", endpoints]] : [ours]
    }

    /// Holds a lock by `quorate lock`, once it has it.
    private func hold(
      _ lab: borrowing TestLab, _ name: String
    ) throws -> (holder: Companion, key: String, token: Int64) {
      let holder = try Companion(try commands(lab)[0] + ["lock", "--ttl", "2", name])
      try eventually("the lock is held", within: 20) { holder.said.hasSuffix("\n\n") }
      let key = String(holder.said.split(separator: "\n")[0])
      let words = holder.complained.split(whereSeparator: \.isWhitespace)
      return (holder, key, try #require(words.last.flatMap { Int64($0) }))
    }

    /// A write that only the present holder may make, as a person would.
    private func guardedPut(
      _ lab: borrowing TestLab, _ value: String, _ key: String, _ token: Int64
    ) throws -> String {
      let txn = "create(\"\(key)\") = \"\(token)\"\n\nput guarded \(value)\n\n\n"
      return try Shell.run(try commands(lab)[0] + ["txn"], input: txn)
    }

    /// Docs/Consistency.md, "Locks": whoever was paused for longer than its lease still believes
    /// that it holds the lock, and the store knows better.
    @Test func `a holder that slept too long writes no more, and is told when it wakes`() throws {
      let lab = try TestLab(members: 3)
      let first = try hold(lab, "deploy")
      #expect(try guardedPut(lab, "one", first.key, first.token) == "SUCCESS\n\nOK\n")
      first.holder.signal(SIGSTOP)
      let second = try hold(lab, "deploy")
      #expect(second.token > first.token && second.key != first.key)
      #expect(try guardedPut(lab, "late", first.key, first.token) == "FAILURE\n")
      #expect(try guardedPut(lab, "two", second.key, second.token) == "SUCCESS\n\nOK\n")
      #expect(try Shell.run(try commands(lab)[0] + ["get", "guarded"]) == "guarded\ntwo\n")
      first.holder.signal(SIGCONT)
      #expect(try first.holder.ended(within: 10) == 1)
      second.holder.signal(SIGTERM)
      #expect(try second.holder.ended(within: 10) == 0)
      #expect(try Shell.run(try commands(lab)[0] + ["get", "--prefix", "deploy/"]) == "")
    }

    /// Each reads a number, waits a moment and writes the next one: without a lock some are lost.
    @Test func `what runs under a lock runs alone, whoever the others are`() throws {
      let lab = try TestLab(members: 3)
      let file = NSTemporaryDirectory() + "quorate-count-\(UUID().uuidString)"
      try "0".write(toFile: file, atomically: true, encoding: .utf8)
      defer {
        for path in [file, file + ".sh"] { try? FileManager.default.removeItem(atPath: path) }
      }
      // etcdctl takes the flags of a program for its own, so this one has none.
      let script = file + ".sh"
      try "n=$(cat \(file)); sleep 0.1; echo $((n + 1)) > \(file); exit 7"
        .write(toFile: script, atomically: true, encoding: .utf8)
      let commands = try commands(lab)
      let programs = try (0..<8).map { number in
        try Companion(commands[number % commands.count] + ["lock", "count", "sh", script])
      }
      for (number, program) in programs.enumerated() {
        let code = try program.ended(within: 60)
        // etcdctl before 3.5 ends with 1 whatever the program's code is.
        #expect(code == 7 || (number % commands.count == 1 && code == 1))
      }
      let count = try String(contentsOfFile: file, encoding: .utf8)
      #expect(count == "8\n")
    }

    @Test func `a program under a lock knows its key and token`() throws {
      let lab = try TestLab(members: 1)
      let said = try Shell.run(
        try commands(lab)[0] + [
          "lock", "l", "--", "sh", "-c", "echo $ETCD_LOCK_KEY $ETCD_LOCK_REV",
        ])
      let words = said.split(whereSeparator: \.isWhitespace)
      #expect(words.count == 2 && words[0].hasPrefix("l/") && Int64(words[1]) ?? 0 > 1)
    }

    @Test func `candidates lead one after the other, and an observer hears of each`() throws {
      let lab = try TestLab(members: 3)
      let commands = try commands(lab)
      let (ours, theirs) = (commands[0], commands[commands.count - 1])
      let observers = try commands.map { try Companion($0 + ["elect", "-l", "chief"]) }
      let first = try Companion(ours + ["elect", "chief", "ann"])
      try eventually("ann leads", within: 20) { first.said.hasSuffix("\nann\n") }
      let second = try Companion(theirs + ["elect", "chief", "bob"])
      try eventually("observers hear of ann", within: 20) {
        observers.allSatisfy { $0.said.contains("\nann\n") }
      }
      #expect(second.said == "")
      first.signal(SIGINT)
      #expect(try first.ended(within: 10) == 0)
      try eventually("bob leads", within: 20) { second.said.hasSuffix("\nbob\n") }
      try eventually("observers hear of bob", within: 20) {
        observers.allSatisfy { $0.said.hasSuffix("\nbob\n") }
      }
    }
  }
}
