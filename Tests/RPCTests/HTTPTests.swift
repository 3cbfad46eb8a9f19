import RPC
import Testing

@Suite struct `HTTP-1.1 on the same port` {
  private func get(_ path: String, _ more: String = "") -> [UInt8] {
    Array("GET \(path) HTTP/1.1\r\nHost: test\r\n\(more)\r\n".utf8)
  }

  @Test func `requests on one connection are answered in turn`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    let post = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
    raw.send(get("/health") + Array(post.utf8) + get("/nothing?a=b"))
    await eventually("three answers") { raw.text.hasSuffix("no /nothing a=b\n") }
    #expect(raw.text.contains("HTTP/1.1 200 OK\r\nContent-Type: application/json"))
    #expect(raw.text.contains("\r\n\r\n{\"health\":\"true\"}HTTP/1.1 200 OK"))
    #expect(raw.text.contains("\r\n\r\nhelloHTTP/1.1 404 Not Found"))
    #expect(!raw.isClosed)
    await raw.close()
    await stub.stop()
  }

  @Test func `the protocol is known however slowly the bytes come`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    // "P" is the beginning of HTTP/2's preface as well.
    for byte in "PUT /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".utf8 {
      raw.send([byte])
    }
    await eventually("the answer") { raw.isClosed }
    #expect(raw.text.hasPrefix("HTTP/1.1 404 Not Found\r\n"))

    let http2 = try await RawPeer.connect(port: stub.port)
    for byte in Frames.preface + Frames.settings { http2.send([byte]) }
    http2.send(Frames.request(Stub.echo, message: [1]))
    await eventually("the call's answer") {
      Frames.parse(http2.received).contains { $0.type == Frames.data && $0.payload.last == 1 }
    }
    await http2.close()
    await stub.stop()
  }

  @Test func `a body above the limit is refused with 413`() async throws {
    var settings = ServerSettings()
    settings.bodyLimitBytes = 10
    let stub = try await Stub.start(settings)
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(
      Array("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\nhello world".utf8))
    await eventually("it is refused and closed") { raw.isClosed }
    #expect(raw.text.hasPrefix("HTTP/1.1 413 "))
    #expect(raw.text.hasSuffix("The body is larger than 10 bytes.\n"))
    await stub.stop()
  }

  @Test func `an idle connection is closed, and one that chose no protocol too`() async throws {
    var settings = ServerSettings()
    settings.idleLimit = .seconds(2)
    let stub = try await Stub.start(settings)
    let silent = try await RawPeer.connect(port: stub.port)
    let idle = try await RawPeer.connect(port: stub.port)
    idle.send(get("/health"))
    await eventually("both are closed") { silent.isClosed && idle.isClosed }
    #expect(idle.text.hasSuffix("{\"health\":\"true\"}"))
    await stub.stop()
  }

  @Test func `a shutdown closes idle connections at once`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(get("/health"))
    await eventually("the answer") { raw.text.hasSuffix("}") }
    await stub.server.shutDown(grace: .seconds(30))
    await eventually("it is closed") { raw.isClosed }
  }
}
