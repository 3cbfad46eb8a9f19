import LoadGenerator
import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import quorate

@Suite struct `What quorate diff prints` {
  private func pair(_ key: String, _ value: String, at revision: Int64) -> EtcdKeyValue {
    .make {
      ($0.key, $0.value) = (Data(key.utf8), Data(value.utf8))
      $0.modRevision = revision
    }
  }

  private var difference: Difference {
    var difference = Difference(since: 3, revision: 9)
    difference.changes = [
      .init(key: Data("a".utf8), old: pair("a", "1", at: 2), new: pair("a", "2\n", at: 5)),
      .init(key: Data("b".utf8), old: nil, new: pair("b", "3", at: 6)),
      .init(key: Data([0xff]), old: pair("c", "4", at: 3), new: nil),
    ]
    return difference
  }

  private func text(_ printer: Printer) -> String {
    String(decoding: printer.difference(difference), as: UTF8.self)
  }

  @Test func `is a diff of quoted pairs`() {
    #expect(
      text(Printer(format: .simple)) == #"""
        --- revision 3
        +++ revision 9
        -"a" "1"
        +"a" "2\n"
        +"b" "3"
        -"c" "4"

        """#)
    #expect(
      text(Printer(format: .simple, isHexadecimal: true)).hasSuffix("+\\x62 \\x33\n-\\x63 \\x34\n"))
  }

  @Test func `names each change in json`() throws {
    #expect(
      text(Printer(format: .json)) == #"""
        {"since":3,"revision":9,"changes":[{"type":"changed","key":"YQ==",\#
        "old":{"key":"YQ==","mod_revision":2,"value":"MQ=="},\#
        "new":{"key":"YQ==","mod_revision":5,"value":"Mgo="}},\#
        {"type":"added","key":"Yg==","new":{"key":"Yg==","mod_revision":6,"value":"Mw=="}},\#
        {"type":"deleted","key":"/w==","old":{"key":"Yw==","mod_revision":3,"value":"NA=="}}]}

        """#)
  }
}

/// The sentences are etcdctl 3.5's.
@Suite struct `The verdict of check perf` {
  private let model = CheckPerf.Model(named: "s")!

  private func report(_ milliseconds: [Int], errors: Int = 0) -> LoadReport {
    var report = LoadReport()
    report.elapsed = .seconds(1)
    for time in milliseconds { report.latencies.record(Int64(time) * 1_000_000) }
    if errors > 0 { report.errors["etcdserver: too many requests"] = errors }
    return report
  }

  @Test func `passes what is quick, steady and all there`() {
    let verdict = PerfVerdict(report(Array(repeating: 2, count: 150)), model)
    #expect(
      verdict.lines == [
        "PASS: Throughput is 151 writes/s", "PASS: Slowest request took 0.002000s",
        "PASS: Stddev is 0.000000s", "PASS",
      ])
    #expect(verdict.isPassed)
  }

  @Test func `fails each by itself`() {
    let slow = PerfVerdict(report(Array(repeating: 2, count: 149) + [501]), model)
    #expect(slow.lines[1] == "Slowest request took too long: 0.501000s")
    #expect(slow.lines.last == "FAIL" && !slow.isPassed)

    let few = PerfVerdict(report(Array(repeating: 2, count: 134)), model)
    #expect(few.lines[0] == "FAIL: Throughput too low: 135 writes/s" && !few.isPassed)

    let rough = PerfVerdict(
      report(Array(repeating: 1, count: 75) + Array(repeating: 300, count: 75)), model)
    #expect(rough.lines[2].hasPrefix("Stddev too high: 0.149") && !rough.isPassed)

    let wrong = PerfVerdict(report(Array(repeating: 2, count: 160), errors: 3), model)
    #expect(
      wrong.lines.prefix(2) == [
        "FAIL: too many errors", "FAIL: ERROR(etcdserver: too many requests) -> 3",
      ])
    #expect(!wrong.isPassed)
  }

  @Test func `knows etcdctl's loads by both of their names`() {
    for (short, long) in [("s", "small"), ("m", "medium"), ("l", "large"), ("xl", "xLarge")] {
      #expect(CheckPerf.Model(named: short) == CheckPerf.Model(named: long))
    }
    #expect(CheckPerf.Model(named: "huge") == nil)
  }
}

@Suite struct `A line of watch -i` {
  private typealias Order = InteractiveWatch.Order

  @Test func `is a watch with its flags and its command`() throws {
    var request = EtcdWatchCreateRequest.make {
      ($0.key, $0.rangeEnd) = (Data("a b".utf8), Data("a c".utf8))
      $0.startRevision = 7
      $0.prevKv = true
      $0.fragment = true
    }
    #expect(
      try Order(#"watch --rev 7 --prev-kv --prefix "a b" -- sh -c 'echo it'"#)
        == .watch(request, command: ["sh", "-c", "echo it"]))
    request = .make {
      ($0.key, $0.rangeEnd) = (Data("k".utf8), Data("m".utf8))
      $0.fragment = true
    }
    #expect(try Order("watch k m") == .watch(request, command: []))
  }

  @Test func `asks for progress, or is complained about as etcdctl does`() throws {
    #expect(try Order("progress") == .progress)
    #expect(
      try Order("watch")
        == .none("Invalid command watch (command type or key is not provided)"))
    #expect(try Order("get k") == .none("Invalid command get k (only support watch)"))
    #expect(try Order("") == .none("Invalid command:  (watch and progress supported)"))
    #expect(throws: CommandFailure.self) { try Order("watch k --no-such-flag") }
  }

  @Test func `takes the key of the environment when it names none`() throws {
    let environment = FlagEnvironment(values: [
      "ETCDCTL_WATCH_KEY": "k", "ETCDCTL_WATCH_RANGE_END": "m",
    ])
    let request = EtcdWatchCreateRequest.make {
      ($0.key, $0.rangeEnd) = (Data("k".utf8), Data("m".utf8))
      $0.fragment = true
    }
    #expect(try Order("watch", environment) == .watch(request, command: []))
    #expect(try Order("watch -- echo it", environment) == .watch(request, command: ["echo", "it"]))
    let failure = #expect(throws: CommandFailure.self) { try Order("watch k", environment) }
    #expect(
      failure?.text == "bad number of arguments (ETCDCTL_WATCH_KEY names a key as well)")
    let end = FlagEnvironment(values: ["ETCDCTL_WATCH_RANGE_END": "m"])
    let other = #expect(throws: CommandFailure.self) { try Order("watch k", end) }
    #expect(
      other?.text == "ETCDCTL_WATCH_RANGE_END is set, and no key with it in ETCDCTL_WATCH_KEY")
  }
}
