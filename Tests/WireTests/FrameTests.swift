import Base
import Raft
import Replica
import Testing
import Wire

@Suite("Frames")
struct FrameTests {
  @Test func `every kind of frame comes back as it went, however its bytes are cut`() throws {
    var samples = Samples(seed: 11)
    for round in 0..<60 {
      let frames = samples.frames()
      var bytes: [UInt8] = []
      for frame in frames { frame.encode(into: &bytes) }
      let size = round.isMultiple(of: 2) ? 1 + samples.dice.index(below: 70) : .max
      #expect(try decode(bytes, inPartsOf: size) == frames)
    }
  }

  @Test func `long messages travel in pieces and come back whole`() throws {
    var limits = WireLimits()
    limits.frameBytes = 48
    var samples = Samples(seed: 12)
    for _ in 0..<60 {
      let messages = samples.messages().map(Frame.message)
      var bytes: [UInt8] = []
      for message in messages { message.encode(into: &bytes, limits: limits) }
      let size = 1 + samples.dice.index(below: 100)
      #expect(try decode(bytes, inPartsOf: size, limits: limits) == messages)
    }
  }

  @Test func `a frame that is cut short is waited for, at every byte`() throws {
    var samples = Samples(seed: 13)
    for frame in samples.frames() {
      var bytes: [UInt8] = []
      frame.encode(into: &bytes)
      for count in 0..<bytes.count {
        #expect(try decode(Array(bytes[..<count])).isEmpty)
      }
    }
  }

  /// A build of protocol 2 ends its hello, and its answer to a join query, before the founding.
  @Test func `what was said before there were foundings is still understood`() throws {
    var samples = Samples(seed: 5)
    var hello = samples.hello()
    hello.handshake.founding = .unknown
    var bytes: [UInt8] = []
    Frame.hello(hello).encode(into: &bytes)
    var payload = Array(bytes[16...].dropLast(12))
    payload[0] = 2
    hello.newestProtocol = 2
    #expect(try decode(seal(payload, kind: bytes[3])) == [.hello(hello)])

    let asked = Frame.joinQuery(
      JoinQuery(name: "n", peerURLs: ["u"], wantsReplacement: false, readsFounding: false))
    var question: [UInt8] = []
    asked.encode(into: &question)
    #expect(question[16] == 2)
    #expect(try decode(question) == [asked])
  }

  @Test func `no flipped bit gets through`() throws {
    var samples = Samples(seed: 14)
    for frame in samples.frames() {
      var bytes: [UInt8] = []
      frame.encode(into: &bytes)
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(throws: WireError.self) { try decode(damaged) }
      }
    }
  }

  @Test func `random bytes never trap and never pass`() {
    var samples = Samples(seed: 15)
    for _ in 0..<3_000 {
      let bytes = samples.bytes(upTo: 400)
      #expect((try? decode(bytes, inPartsOf: 64))?.isEmpty ?? true)
    }
  }

  /// The checksum says nothing of a peer's honesty or bugs: well-sealed nonsense must not trap.
  @Test func `random payloads behind good checksums are refused or mean something`() throws {
    var samples = Samples(seed: 16)
    var refused = 0
    for _ in 0..<400 {
      for frame in samples.frames() {
        var bytes: [UInt8] = []
        frame.encode(into: &bytes)
        var payload = Array(bytes[16...])
        guard !payload.isEmpty else { continue }
        switch samples.dice.next(below: 3) {
        case 0: payload[samples.dice.index(below: payload.count)] = UInt8.max
        case 1: payload.removeLast(1 + samples.dice.index(below: payload.count))
        case _: payload += samples.bytes(upTo: 9)
        }
        if (try? decode(seal(payload, kind: bytes[3]))) == nil { refused += 1 }
      }
    }
    #expect(refused > 4_000)
  }

  @Test func `an error is final`() {
    var decoder = FrameDecoder()
    decoder.receive([UInt8](repeating: 0, count: 16))
    #expect(throws: WireError.badMagic(0)) { try decoder.next() }
    var good: [UInt8] = []
    Frame.message(.ping(.zero)).encode(into: &good)
    decoder.receive(good)
    #expect(throws: WireError.badMagic(0)) { try decoder.next() }
  }

  @Test func `what is longer than its bound is refused before it is gathered`() {
    var large = WireLimits()
    large.frameBytes = 1 << 20
    let append = PeerMessage.raft(appendOf(commandBytes: 200_000))
    var one: [UInt8] = []
    Frame.message(append).encode(into: &one, limits: large)
    let header = Array(one[..<16])
    #expect(throws: WireError.frameTooLong(bytes: 200_059, limitBytes: 64 << 10)) {
      try decode(header)
    }

    var small = WireLimits()
    small.messageBytes = 100_000
    var pieces: [UInt8] = []
    Frame.message(append).encode(into: &pieces)
    #expect(throws: WireError.messageTooLong(bytes: 200_059, limitBytes: 100_000)) {
      try decode(pieces, limits: small)
    }
  }

  @Test func `pieces that do not follow each other are refused`() throws {
    var bytes: [UInt8] = []
    Frame.message(.raft(appendOf(commandBytes: 200_000))).encode(into: &bytes)
    let first = (64 << 10) + 16
    #expect(try decode(bytes).count == 1)
    #expect(throws: WireError.piecesDisagree) {
      try decode(Array(bytes[..<first] + bytes[(2 * first)...]))
    }
    #expect(throws: WireError.piecesDisagree) {
      try decode(Array(bytes[..<first] + bytes[..<first]))
    }
    #expect(throws: WireError.piecesDisagree) { try decode(Array(bytes[first...])) }
  }

  @Test func `an install-snapshot message is not believed`() {
    let payload = [9] + [UInt8](repeating: 0, count: 30)
    #expect(throws: WireError.snapshotWithoutStream) { try decode(seal(payload, kind: 2)) }
  }

  @Test func `entries that cannot follow each other are malformed`() {
    let id = EntryID(term: Term(1), index: LogIndex(9))
    let append = Message(
      term: Term(1),
      body: .appendEntries(
        AppendEntries(
          previous: EntryID(term: Term(1), index: LogIndex(4)),
          entries: [Entry(id: id, content: .noop)], commitIndex: .zero)))
    var bytes: [UInt8] = []
    Frame.message(.raft(append)).encode(into: &bytes)
    #expect(throws: WireError.malformed(.malformed(field: "appendEntries.entries"))) {
      try decode(bytes)
    }
  }

  @Test func `numbers that would overflow are malformed`() {
    var bytes: [UInt8] = []
    let message = Message(term: Term(.max), body: .timeoutNow)
    Frame.message(.raft(message)).encode(into: &bytes)
    #expect(throws: WireError.malformed(.malformed(field: "number"))) { try decode(bytes) }
    bytes = []
    Frame.message(.pong(Instant(nanoseconds: .min))).encode(into: &bytes)
    #expect(throws: WireError.malformed(.malformed(field: "number"))) { try decode(bytes) }
  }
}
