import NIOCore
import NIOHPACK
import Testing

@testable import RPC

/// Whatever a peer sends: no trap, no memory beyond the limits, the connection ends or goes on.
/// A run prints its seed first.
@Suite struct `An end whose peer sends anything` {
  @Test(arguments: 1...150) func `as a server holds its limits`(seed: UInt64) {
    print("server fuzz seed \(seed)")
    play(.server, seed)
  }

  @Test(arguments: 1...150) func `as a client holds its limits`(seed: UInt64) {
    print("client fuzz seed \(seed)")
    play(.client, seed)
  }

  /// The same bytes mean the same, in one piece or in many.
  @Test(arguments: 1...60) func `does the same however the bytes are cut`(seed: UInt64) {
    print("cut fuzz seed \(seed)")
    var dice = Dice(seed: seed)
    var bytes: [UInt8] = []
    for _ in 0..<30 { bytes += Self.frame(&dice) }
    if dice.next(below: 2) == 0 { Self.mutate(&bytes, &dice) }
    var whole = HTTP2End(.server)
    whole.hear(bytes)
    var cut = HTTP2End(.server)
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(1 + dice.next(below: 40))
      cut.hear(Array(piece))
      rest = rest.dropFirst(piece.count)
    }
    let expected = whole.take()
    let actual = cut.take()
    #expect(actual.events == expected.events)
    #expect(actual.frames == expected.frames)
  }

  private func play(_ role: HTTP2Core.Role, _ seed: UInt64) {
    var dice = Dice(seed: seed)
    var limits = HTTP2Limits()
    limits.streamLimit = 1 + dice.next(below: 20)
    limits.headerLimitBytes = 500 + dice.next(below: 3_000)
    limits.streamWindow = 1_000
    var end = HTTP2End(role, limits)
    for _ in 0..<300 where !end.core.isOver {
      var bytes: [UInt8] = []
      for _ in 0..<dice.next(below: 4) { bytes += Self.frame(&dice) }
      if dice.next(below: 6) == 0 { Self.mutate(&bytes, &dice) }
      end.hear(bytes)
      act(&end, role, &dice)
      let limit = role == .server ? limits.streamLimit : 50
      #expect(end.core.streams.count <= limit, "seed \(seed)")
      #expect((end.core.block?.bytes.readableBytes ?? 0) <= max(16_384, limits.headerLimitBytes))
      #expect(end.core.waiting.count <= 2 * limit + 64, "seed \(seed)")
      // Four frames in, some resets and a few answers out.
      #expect(end.heldBytes < 50_000, "seed \(seed)")
      #expect(end.core.sendWindow <= 0x7FFF_FFFF && end.core.receiveWindow >= 0)
      end.take()
    }
  }

  /// What an owner might do meanwhile, also on streams that are over.
  private func act(_ end: inout HTTP2End, _ role: HTTP2Core.Role, _ dice: inout Dice) {
    let id = StreamID(UInt32(dice.next(below: 40)))
    let message = [UInt8](repeating: 1, count: dice.next(below: 3_000))
    switch (dice.next(below: 8), role) {
    case (0, .server): end.step(.answer(id, message, trailers: ["a": "b"]))
    case (1, .server): end.step(.finish(id, [":status": "200", "grpc-status": "13"]))
    case (2, .client) where end.core.mayOpen && end.core.streams.count < 50,
      (3, .client) where end.core.mayOpen && end.core.streams.count < 50:
      let template = HeaderTemplate(0, [(name: ":path", value: "/a/B")])
      let isUnary = dice.next(below: 2) == 0
      end.step(.open(end.core.nextStream, template, [:], message: isUnary ? message : nil))
    case (4, _): end.step(.message(id, message))
    case (5, _): end.step(.reset(id, .cancel))
    case (6, .client): end.step(.halfClose(id))
    case (7, _): end.step(.writable(bytes: dice.next(below: 4_000)))
    default: break
    }
  }

  /// A frame that often makes sense.
  private static func frame(_ dice: inout Dice) -> [UInt8] {
    let stream = dice.next(below: 40)
    let noise = (0..<dice.next(below: 60)).map { _ in UInt8(dice.next(below: 256)) }
    switch dice.next(below: 14) {
    case 0, 1, 2: return Frames.headers(Frames.requestFields, stream: stream | 1)
    case 3: return Frames.headers(Frames.responseFields, stream: stream | 1)
    case 4: return Frames.headers([("grpc-status", "0")], stream: stream | 1, last: true)
    case 5, 6:
      return Frames.body(noise, stream: stream | 1, last: dice.next(below: 2) == 0)
    case 7: return Frames.setting(dice.next(below: 8), dice.next(below: 70_000))
    case 8: return Frames.windowUpdate(stream: stream, by: dice.next(below: 5_000))
    case 9: return Frames.resetStream(stream | 1, dice.next(below: 14))
    case 10: return Frames.ping(UInt8(dice.next(below: 256)))
    case 11:
      return Frames.frame(type: 1, flags: 0, stream: stream | 1, Frames.block(Frames.requestFields))
        + Frames.frame(type: 9, flags: 4, stream: stream | 1, dice.next(below: 2) == 0 ? [] : noise)
    case 12: return Frames.goAway(dice.next(below: 40), 0, "x")
    default:
      return Frames.frame(
        type: UInt8(dice.next(below: 11)), flags: UInt8(dice.next(below: 256)), stream: stream,
        noise)
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ dice: inout Dice) {
    guard !bytes.isEmpty else { return }
    for _ in 0..<1 + dice.next(below: 3) {
      let place = dice.next(below: bytes.count)
      switch dice.next(below: 3) {
      case 0: bytes[place] = UInt8(dice.next(below: 256))
      case 1: bytes[place] ^= 1 << UInt8(dice.next(below: 8))
      default: bytes.remove(at: place)
      }
      if bytes.isEmpty { return }
    }
  }
}
