import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation
import Testing

@testable import quorate

@Suite struct `A command line written for etcdctl` {
  private let form = CommandLineForm(root: Quorate.self)

  @Test func `flags before the command move behind it`() {
    #expect(
      form.normalized(["--endpoints", "a:1", "-w=json", "endpoint", "status", "--cluster"])
        == ["endpoint", "status", "--endpoints", "a:1", "-w=json", "--cluster"])
  }

  @Test func `what follows two dashes is left alone`() {
    #expect(
      form.normalized(["put", "k", "--prev-kv=true", "--", "--prefix=true"])
        == ["put", "k", "--prev-kv", "--", "--prefix=true"])
    #expect(form.normalized(["get", "k", "--prefix=false"]) == ["get", "k"])
  }

  @Test func `flags as Go reads them`() {
    #expect(form.normalized(["-wjson", "get", "k"]) == ["get", "-w=json", "k"])
    #expect(form.normalized(["get", "k", "--prefix=T"]) == ["get", "k", "--prefix"])
    #expect(form.normalized(["get", "k", "--rev", "-1"]) == ["get", "k", "--rev=-1"])
    #expect(form.normalized(["get", "k", "--order="]) == ["get", "k", "--order", ""])
    #expect(form.normalized(["compact", "5"]) == ["compact", "5"])
    #expect(
      form.normalized(["--insecure-transport", "get", "k"])
        == ["get", "--insecure-transport=true", "k"])
    // A switch elsewhere, a name here.
    let own = ["check", "perf", "--prefix=1"]
    #expect(form.normalized(own) == own)
  }

  @Test func `a word that is no command is named`() {
    #expect(
      form.unknownCommand(["-w", "json", "lease", "keepalive", "1"])?.text
        == "unknown command \"keepalive\": `quorate lease --help` lists those that there are")
    #expect(form.unknownCommand(["gett", "a"])?.exit == .badArguments)
    #expect(form.unknownCommand(["lease", "help"]) != nil)
    for line in [["get", "a"], ["lease"], ["help", "get"], ["--help"], [], ["lab", "up"]] {
      #expect(form.unknownCommand(line) == nil)
    }
  }

  @Test func `the words of the lab are its own`() {
    let line = ["lab", "partition", "--reset", "1,2 | 3"]
    #expect(form.normalized(line) == line)
  }

  @Test func `every flag of a get reaches the request`() throws {
    let get = try GetOperation.parse([
      "k", "z", "--consistency", "s", "--limit", "3", "--rev", "9", "--order", "descend",
      "--sort-by", "modify", "--keys-only",
    ])
    let request = try get.request()
    #expect(
      request
        == .make {
          $0.key = Data("k".utf8)
          $0.rangeEnd = Data("z".utf8)
          $0.serializable = true
          $0.limit = 3
          $0.revision = 9
          $0.sortOrder = .descend
          $0.sortTarget = .mod
          $0.keysOnly = true
        })
  }

  @Test(
    arguments: [
      (["a", "--prefix"], "a", [0x62]), (["", "--prefix"], "\0", [0]),
      (["a", "--from-key"], "a", [0]),
      (["", "--from-key"], "\0", [0]), (["a"], "a", []),
    ] as [([String], String, [UInt8])])
  func `ranges end as etcdctl ends them`(words: [String], key: String, end: [UInt8]) throws {
    let request = try GetOperation.parse(words).request()
    #expect(request.key == Data(key.utf8) && request.rangeEnd == Data(end))
  }

  @Test func `a prefix without a successor ends with the last key`() throws {
    let span = try KeySpan.span(key: "\u{7f}", end: nil, prefix: true, fromKey: false)
    #expect(span.end == Data([0x80]))
  }

  @Test(
    arguments: [
      ([], "get command needs one argument as key and an optional argument as range_end", 128),
      (["a", "--consistency", "x"], "unknown consistency flag \"x\"", 4),
      (["a", "--order", "up"], "bad sort order up", 4),
      (["a", "--sort-by", "size"], "bad sort target size", 4),
      (
        ["a", "--prefix", "--from-key"],
        "`--prefix` and `--from-key` cannot be set at the same time, choose one", 128
      ),
      (
        ["a", "b", "--prefix"],
        "too many arguments, only accept one argument when `--prefix` or `--from-key` is set", 128
      ),
    ] as [([String], String, Int32)])
  func `a get that makes no sense`(words: [String], text: String, code: Int32) throws {
    let get = try GetOperation.parse(words)
    let failure = #expect(throws: CommandFailure.self) { try get.request() }
    #expect(failure?.text == text && failure?.exit.rawValue == code)
  }

  @Test func `a value comes from the standard input when none is given`() throws {
    let put = try PutOperation.parse(["k", "--lease", "1f"])
    let request = try put.request(input: { Data("from stdin\n".utf8) })
    #expect(request.value == Data("from stdin\n".utf8) && request.lease == 31)
    let failure = #expect(throws: CommandFailure.self) { try put.request(input: { Data() }) }
    #expect(failure?.text == "put command needs 1 argument and input from stdin or 2 arguments")
    let bad = #expect(throws: CommandFailure.self) {
      try PutOperation.parse(["k", "v", "--lease", "zz"]).request(input: { nil })
    }
    #expect(
      bad?.text
        == #"bad lease ID (strconv.ParseInt: parsing "zz": invalid syntax), expecting ID in Hex"#)
  }

  @Test(arguments: [
    ("2s", Duration.seconds(2)), ("500ms", .milliseconds(500)), ("1m30s", .seconds(90)),
    ("1.5s", .milliseconds(1500)), ("0", .zero),
  ])
  func `durations as in Go`(text: String, duration: Duration) {
    #expect(GoDuration(argument: text)?.duration == duration)
  }

  @Test(arguments: ["", "5", "s", "5x", "-1s"])
  func `what is no duration`(text: String) {
    #expect(GoDuration(argument: text) == nil)
  }

  @Test func `an unknown flag is one sentence`() {
    #expect(throws: (any Error).self) { try Quorate.parseAsRoot(["get", "--nosuch", "a"]) }
  }
}

@Suite struct `What etcdctl's scripts set everywhere` {
  private func flags(_ words: [String]) throws -> ClientFlags { try ClientFlags.parse(words) }

  private func refusal(
    _ words: [String] = [], _ variables: [String: String] = [:]
  ) throws -> CommandFailure? {
    let flags = try flags(words)
    do throws(CommandFailure) {
      try flags.foreign.refuse(FlagEnvironment(values: variables))
      return nil
    } catch {
      return error
    }
  }

  @Test func `variables stand in for flags that are not given`() throws {
    let environment = FlagEnvironment(values: [
      "ETCDCTL_WRITE_OUT": "json", "ETCDCTL_HEX": "true", "ETCDCTL_DIAL_TIMEOUT": "1s",
      "ETCDCTL_COMMAND_TIMEOUT": "3s", "QUORATE_COMMAND_TIMEOUT": "4s",
    ])
    let printer = try flags([]).printer(environment)
    #expect(printer.format == .json && printer.isHexadecimal)
    #expect(try flags(["-w", "fields"]).printer(environment).format == .fields)
    let options = try flags(["--dial-timeout", "7s"]).options(environment)
    #expect(options.dialTimeout == .seconds(7) && options.callTimeout == .seconds(4))
    let none = try flags([]).options(FlagEnvironment(values: [:]))
    #expect(none.dialTimeout == .seconds(2) && none.callTimeout == .seconds(5))
  }

  @Test func `a variable that makes no sense is named`() throws {
    let words = FlagEnvironment(values: ["ETCDCTL_HEX": "maybe", "ETCDCTL_DIAL_TIMEOUT": "5"])
    let hex = #expect(throws: CommandFailure.self) { try flags([]).printer(words) }
    #expect(hex?.text == #"ETCDCTL_HEX is true or false, not "maybe""#)
    let time = #expect(throws: CommandFailure.self) { try flags([]).options(words) }
    #expect(time?.text == #"ETCDCTL_DIAL_TIMEOUT is a time as 500ms or 2s, not "5""#)
  }

  @Test func `what changes nothing is taken`() throws {
    let words = [
      "--debug", "--keepalive-time", "2s", "--keepalive-timeout", "6s", "--insecure-discovery",
      "--insecure-skip-tls-verify", "--insecure-transport=true", "--discovery-srv-name", "x",
      "--user", "",
    ]
    #expect(try refusal(words) == nil)
    #expect(try refusal([], ["ETCDCTL_API": "3", "ETCDCTL_INSECURE_TRANSPORT": "true"]) == nil)
  }

  @Test(arguments: [
    (["--user", "root:x"], "no users: leave --user away"),
    (["--password", "x"], "no users: leave --password away"),
    (["--cacert", "ca.pem"], "no TLS: leave --cacert away"),
    (["--insecure-transport=false"], "no TLS: leave --insecure-transport away"),
    (["-d", "example.com"], "list them with --endpoints, not --discovery-srv"),
  ])
  func `what is relied upon and is not there is refused`(words: [String], text: String) throws {
    let failure = try refusal(words)
    #expect(failure?.exit == .badFeature && failure?.text.contains(text) == true)
  }

  @Test func `and so are its variables`() throws {
    let user = try refusal([], ["ETCDCTL_USER": "root:x"])
    #expect(user?.text.contains("leave ETCDCTL_USER away") == true)
    let transport = try refusal([], ["ETCDCTL_INSECURE_TRANSPORT": "false"])
    #expect(transport?.text.contains("leave ETCDCTL_INSECURE_TRANSPORT away") == true)
  }

  @Test(arguments: [
    ["auth", "enable"], ["user", "add", "x"], ["role", "list"], ["make-mirror", "a:1"],
    ["check", "datascale", "--load", "s"],
  ])
  func `a command that is not here says so`(words: [String]) throws {
    var command = try Quorate.parseAsRoot(words)
    let failure = #expect(throws: CommandFailure.self) { try command.run() }
    #expect(failure?.exit == .badArguments)
  }
}

@Suite struct `A transaction in etcdctl's words` {
  private func read(_ text: String) throws(CommandFailure) -> EtcdTxnRequest {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
      String($0) + "\n"
    }
    // What follows the last line feed is no line.
    lines.removeLast()
    var rest = lines[...]
    return try TransactionSyntax.read(line: { rest.popFirst() }, prompt: { _ in })
  }

  @Test func `three blocks, each ended by an empty line`() throws {
    let request = try read(
      #"""
      mod("key1") > "0"
      val("k\x01") != "a b"

      put key1 "over write"
      get --prefix k

      del 'a b' --prev-kv


      """#)
    #expect(request.compare.count == 2 && request.success.count == 2 && request.failure.count == 1)
    #expect(request.compare[0].modRevision == 0 && request.compare[0].result == .greater)
    #expect(request.compare[1].key == Data([0x6B, 0x01]))
    #expect(request.compare[1].value == Data("a b".utf8) && request.compare[1].result == .notEqual)
    #expect(request.success[0].requestPut.value == Data("over write".utf8))
    #expect(request.success[1].requestRange.rangeEnd == Data("l".utf8))
    #expect(request.failure[0].requestDeleteRange.key == Data("a b".utf8))
    #expect(request.failure[0].requestDeleteRange.prevKv)
  }

  @Test(arguments: [
    ("bogus\n\n\n\n", "malformed comparison: bogus"),
    ("bog(\"a\") = \"1\"\n\n\n\n", "malformed comparison: bog(\"a\") = \"1\" (unknown target bog)"),
    ("mod(\"a\") = \"x\"\n\n\n\n", "invalid txn compare request: mod(\"a\") = \"x\""),
    ("mod(\"a\") ~ \"1\"\n\n\n\n", "malformed comparison: mod(\"a\") ~ \"1\" (unknown relation ~)"),
    ("mod(\"a\" ) = \"1\"\n\n\n\n", "malformed comparison: mod(\"a\" ) = \"1\""),
    ("\nfrob x y\n\n\n", "invalid txn request: frob x y"),
    ("\nput\n\n\n", "invalid txn compare request: put"),
    ("\nput a --nosuch x\n\n\n", "invalid txn request: put a --nosuch x"),
    ("mod(\"a\") = \"1\"\n", "EOF"),
  ])
  func `what is malformed ends with 3`(text: String, message: String) {
    let failure = #expect(throws: CommandFailure.self) { try read(text) }
    #expect(failure?.text == message && failure?.exit == .invalidInput)
  }

  @Test func `lines of Windows, and a flag that only prints`() throws {
    var rest = ["\r\n", "get a --print-value-only\r\n", "\r\n", "\r\n"][...]
    let request = try TransactionSyntax.read(line: { rest.popFirst() }, prompt: { _ in })
    #expect(request.success.map(\.requestRange.key) == [Data("a".utf8)])
  }

  @Test func `all targets and relations`() throws {
    let targets = ["ver", "version", "c", "create", "m", "mod", "val", "value", "lease"]
    let expected: [EtcdCompare.CompareTarget] = [
      .version, .version, .create, .create, .mod, .mod, .value, .value, .lease,
    ]
    for (target, meaning) in zip(targets, expected) {
      let compare = try TransactionSyntax.compare("\(target)(\"k\") < \"10\"")
      #expect(compare.target == meaning && compare.result == .less)
    }
    #expect(try TransactionSyntax.compare("lease(\"k\") = \"10\"").lease == 16)
  }
}

@Suite struct `A failure says what to do and ends with its code` {
  private func failure(_ rule: Why.Rule, hasNoEffect: Bool = true) throws -> CallFailure {
    CallFailure(
      endpoint: try Endpoint("a:1"), status: .noLeader, delivery: .answered,
      why: Why(
        rule: rule, hasNoEffect: hasNoEffect, evidence: "1 of 3 voters heard, 2 needed",
        stillWorks: "serializable reads", nextStep: "restore the links"))
  }

  @Test func `rule, evidence, what works and the next step stand below etcd's text`() throws {
    let shown = CommandFailure(.refused(try failure(.inquorate)))
    #expect(shown.exit.rawValue == 10 && shown.text == "etcdserver: no leader")
    #expect(
      shown.details == [
        "at        a:1", "rule      quorum: more than half of the voters must answer",
        "evidence  1 of 3 voters heard, 2 needed", "works     serializable reads",
        "next      restore the links",
      ])
  }

  @Test(
    arguments: [
      (Why.Rule.inquorate, 10), (.noLeader, 11), (.leaderUnreachable, 11), (.tooStale, 13),
      (.overloaded, 14), (.noSpace, 15), (.stopping, 16), (.forming, 16), (.other, 1),
    ] as [(Why.Rule, Int32)])
  func `each rule has its code`(rule: Why.Rule, code: Int32) throws {
    #expect(CommandFailure(.refused(try failure(rule))).exit.rawValue == code)
  }

  @Test func `an unknown outcome is 12, whoever says so`() throws {
    let quorate = CommandFailure(.outcomeUnknown(try failure(.outcomeUnknown)))
    #expect(quorate.exit.rawValue == 12)
    let etcd = CallFailure(
      endpoint: try Endpoint("a:1"), status: .timedOut, delivery: .answered)
    #expect(CommandFailure(.outcomeUnknown(etcd)).exit.rawValue == 12)
    #expect(CommandFailure(.server(etcd)).exit.rawValue == 1)
    #expect(CommandFailure(.unreachable([etcd])).exit.rawValue == 2)
  }
}
