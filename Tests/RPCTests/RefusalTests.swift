import Base
import NIOCore
import NIOHPACK
import Testing

@testable import RPC

@Suite struct `What a server refuses` {
  @Test(arguments: [
    (":method", "GET", "405", "13"), ("content-type", "text/html", "415", "3"),
    ("content-type", "application/grpcx", "415", "3"), ("grpc-timeout", "5", "400", "13"),
    ("grpc-encoding", "gzip", "200", "12"), ("grpc-encoding", "identity", "200", "0"),
    ("content-type", "application/grpc+proto", "200", "0"), ("grpc-timeout", "5S", "200", "0"),
  ])
  func `headers are held to gRPC's rules`(
    name: String, value: String, httpStatus: String, status: String
  ) async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    let request = Frames.request(Stub.echo, extra: [(name, value)], message: [1])
    raw.send(Frames.preface + Frames.settings + request)
    await eventually("the answer") {
      Frames.parse(raw.received).contains { $0.type == Frames.headers && $0.flags & 1 == 1 }
    }
    let fields = try Frames.headerFields(raw.received)
    #expect(fields[":status"] == httpStatus)
    #expect(fields["grpc-status"] == status)
    if value == "gzip" {
      let text = "grpc: Decompressor is not installed for grpc-encoding \"gzip\""
      #expect(fields["grpc-message"] == text)
      #expect(fields["grpc-accept-encoding"] == "identity")
    }
    await raw.close()
    await stub.stop()
  }

  @Test(
    arguments: [
      // The compressed flag without an encoding; a flag that is none; half a message; no message;
      // two messages.
      ([1, 0, 0, 0, 0], "grpc: compressed flag set with identity or empty encoding"),
      ([9, 0, 0, 0, 0], "grpc: received unexpected payload format 9"),
      ([0, 0, 0, 0, 5, 1], "unexpected EOF"), ([], "received no message of a unary call"),
      ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "received more than one message of a unary call"),
    ] as [([UInt8], String)])
  func `a malformed request is INTERNAL, with the reason`(bytes: [UInt8], text: String)
    async throws
  {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    let body = Frames.frame(type: Frames.data, flags: 1, stream: 1, bytes)
    raw.send(
      Frames.preface + Frames.settings + Frames.request(Stub.echo, message: nil) + body)
    await eventually("the answer") {
      Frames.parse(raw.received).contains { $0.type == Frames.headers && $0.flags & 1 == 1 }
    }
    let fields = try Frames.headerFields(raw.received)
    #expect(fields["grpc-status"] == "13")
    #expect(fields["grpc-message"] == text)
    await raw.close()
    await stub.stop()
  }

  @Test func `an idle client that pings too often is told so and dropped`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(Frames.preface + Frames.settings + (0..<10).flatMap { Frames.ping($0) })
    await eventually("it is dropped") { raw.isClosed }
    let last = Frames.parse(raw.received).last { $0.type == Frames.goAway }
    #expect(last?.payload.dropFirst(8).elementsEqual("too_many_pings".utf8) == true)
    #expect(last?.payload[7] == 11, "ENHANCE_YOUR_CALM")
    await stub.stop()
  }

  /// So does grpc-go with a backup that it reads slower than we send.
  @Test func `a client may ping while a long answer goes out as its window lets it`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    let message = [UInt8](repeating: 1, count: 200)
    raw.send(
      Frames.preface + Frames.setting(4, 10) + Frames.request(Stub.echo, message: message))
    for piece in 1...20 {
      await eventually("piece \(piece)") {
        Frames.parse(raw.received).count { $0.type == Frames.data } == piece
      }
      raw.send(Frames.ping(UInt8(piece)) + Frames.windowUpdate(stream: 1, by: 10))
    }
    await raw.close()
    await stub.stop()
  }

  /// grpc-go pings to measure the bandwidth whenever data comes.
  @Test func `a client that is being answered may ping as it likes`() async throws {
    let stub = try await Stub.start()
    let raw = try await RawPeer.connect(port: stub.port)
    raw.send(Frames.preface + Frames.settings)
    for index in 0..<20 {
      raw.send(Frames.request(Stub.echo, stream: 2 * index + 1, message: [1]))
      await eventually("answer \(index)") {
        Frames.parse(raw.received).count { $0.type == Frames.headers } == 2 * index + 2
      }
      raw.send(Frames.ping(1))
    }
    #expect(!raw.isClosed)
    await raw.close()
    await stub.stop()
  }

  /// Random bytes, and valid frames with random bytes in them, from a fixed seed.
  @Test(arguments: 1...40) func `garbage ends its own connection at most`(seed: UInt64) async throws
  {
    var dice = Dice(seed: seed)
    let stub = try await Stub.start()
    let good = try await stub.connect()
    for _ in 0..<10 {
      let raw = try await RawPeer.connect(port: stub.port)
      raw.send(Self.garbage(&dice))
      raw.send(Self.garbage(&dice))
      await raw.close()
    }
    let outcome = await good.call(Stub.echo, [7], timeout: .seconds(10))
    #expect(outcome.bytes == [7])
    await good.close()
    await stub.stop()
  }

  private static func garbage(_ dice: inout Dice) -> [UInt8] {
    let noise = (0..<dice.next(below: 300)).map { _ in UInt8(dice.next(below: 256)) }
    switch dice.next(below: 4) {
    case 0:
      return noise
    case 1:
      return Frames.preface + noise
    case 2:
      let frames = (0..<8).flatMap { _ in
        Frames.frame(
          type: UInt8(dice.next(below: 12)), flags: UInt8(dice.next(below: 256)),
          stream: dice.next(below: 6), Array(noise.prefix(dice.next(below: 40))))
      }
      return Frames.preface + Frames.settings + frames
    default:
      var bytes =
        Frames.preface + Frames.settings + Frames.request(Stub.echo, message: [1, 2, 3])
        + Frames.request(Stub.echoStream, stream: 3, message: [1])
      for _ in 0..<1 + dice.next(below: 4) {
        bytes[dice.next(below: bytes.count)] = UInt8(dice.next(below: 256))
      }
      return bytes
    }
  }
}

/// Draws that a seed repeats.
struct Dice {
  private var source: SplitMix64

  init(seed: UInt64) { source = SplitMix64(seed: seed) }

  mutating func next(below bound: Int) -> Int { Int(source.next() % UInt64(bound)) }
}
