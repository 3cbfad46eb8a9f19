import QuorateClient
import EtcdAPI
import Foundation
import Testing

@Suite struct `Where members listen` {
  @Test(arguments: [
    ("127.0.0.1:2379", "127.0.0.1", 2379), ("http://n1:9", "n1", 9), ("http://n1:9/", "n1", 9),
    ("n1", "n1", 2379), ("[::1]:2380", "::1", 2380), ("http://[fe80::1]", "fe80::1", 2379),
  ])
  func `an endpoint`(text: String, host: String, port: Int) throws {
    let endpoint = try Endpoint(text)
    #expect(endpoint.host == host && endpoint.port == port && endpoint.description == text)
  }

  @Test(arguments: [
    ("", Endpoint.Malformed.empty), ("http://", .empty), ("https://a:1", .scheme("https")),
    ("a:0", .port("0")), ("a:65536", .port("65536")), ("a:+1", .port("+1")), ("a:", .port("")),
    ("::1", .host("::1")), ("[::1", .host("[::1")), ("[::1]x", .host("[::1]x")),
    ("a b:1", .host("a b:1")), ("a/b:1", .host("a/b:1")), (":1", .host(":1")),
  ])
  func `what is none`(text: String, error: Endpoint.Malformed) {
    #expect(throws: error) { try Endpoint(text) }
  }

  private func discovered(
    given: [String] = [], _ environment: [String: String] = [:], in directory: String = "/"
  ) throws -> [String] {
    try EndpointDiscovery.endpoints(
      given: given, environment: environment, directory: directory
    ).map(\.description)
  }

  @Test func `the command line, then our variable, then etcdctl's, then the default`() throws {
    let both = ["QUORATE_ENDPOINTS": "q:1", "ETCDCTL_ENDPOINTS": "e:1,f:1"]
    #expect(try discovered(given: ["a:1, b:1", "c:1"], both) == ["a:1", "b:1", "c:1"])
    #expect(try discovered(both) == ["q:1"])
    #expect(try discovered(["ETCDCTL_ENDPOINTS": "e:1,f:1"]) == ["e:1", "f:1"])
    #expect(try discovered() == ["127.0.0.1:2379"])
  }

  @Test func `the lab of this directory comes before the default`() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("endpoints-\(UInt64.random(in: 0 ... .max))")
    let file = directory.appendingPathComponent(EndpointDiscovery.labFile)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data(#"{"members": [], "endpoints": ["http://127.0.0.1:4001"]}"#.utf8).write(to: file)
    #expect(try discovered(in: directory.path) == ["http://127.0.0.1:4001"])
    #expect(try discovered(["QUORATE_ENDPOINTS": "q:1"], in: directory.path) == ["q:1"])
    try Data("{".utf8).write(to: file)
    #expect(try discovered(in: directory.path) == ["127.0.0.1:2379"])
  }
}

@Suite struct `The reason in the trailer` {
  private let why = Why(
    rule: .noSpace, hasNoEffect: true, evidence: "é", stillWorks: "", nextStep: "delete")

  @Test func `its bytes`() {
    #expect(
      why.encoded
        == [1, 6, 1, 0, 2, 0xC3, 0xA9, 0, 0, 0, 6] + Array("delete".utf8))
  }

  @Test(arguments: Why.Rule.allCases)
  func `every rule comes back as it went`(rule: Why.Rule) {
    var why = why
    why.rule = rule
    #expect(Why(encoded: why.encoded) == why)
  }

  @Test func `later versions append, and name rules that are not known here`() {
    var bytes = why.encoded + [9, 9]
    bytes[0] = 2
    bytes[1] = 200
    #expect(Why(encoded: bytes)?.rule == .other && Why(encoded: bytes)?.nextStep == "delete")
  }

  @Test func `cut short it is no reason at all`() {
    for count in 0..<why.encoded.count { #expect(Why(encoded: why.encoded.prefix(count)) == nil) }
    #expect(Why(encoded: [0] + why.encoded.dropFirst()) == nil)
  }

  @Test func `no sentence outgrows a trailer, and no character is cut`() throws {
    var long = why
    long.evidence = String(repeating: "é", count: 600)
    let read = try #require(Why(encoded: long.encoded))
    #expect(read.evidence == String(repeating: "é", count: 512))
  }
}
