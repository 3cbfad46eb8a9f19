import Testing

@testable import KeyValue

@Suite struct EnvelopeTests {
  private func envelope(_ seed: UInt64) -> CommandEnvelope {
    var generator = Generator(seed: seed)
    let origin = CommandOrigin(
      member: generator.dice.next(), boot: generator.dice.next(),
      sequence: generator.dice.next() >> 50)
    return CommandEnvelope(origin: origin, command: generator.command(1000))
  }

  @Test func `every command comes back as it was`() throws {
    for seed in 0..<2000 {
      let envelope = envelope(UInt64(seed))
      #expect(try CommandEnvelope(decoding: envelope.encoded()) == envelope)
    }
  }

  @Test func `the extremes of every number come back`() throws {
    for number in [Int64.min, -1, 0, 1, .max] {
      let envelope = CommandEnvelope(
        origin: CommandOrigin(member: .max, boot: 0, sequence: 1),
        command: .compaction(revision: number))
      #expect(try CommandEnvelope(decoding: envelope.encoded()) == envelope)
    }
  }

  /// Members of other versions read these bytes: they may only change with the version.
  @Test func `the bytes of a put are these`() {
    var put = PutRequest(key: [UInt8]("k"), value: [UInt8]("vv"))
    put.lease = -2
    put.ignoreLease = true
    let envelope = CommandEnvelope(
      origin: CommandOrigin(member: 300, boot: 2, sequence: 3), command: .put(put))
    #expect(
      envelope.encoded() == [2, 0xAC, 2, 2, 3, 1, 1, 0x6B, 2, 0x76, 0x76, 3, 0, 0, 1])
  }

  /// A member of the first version is to stop before it answers what it does not know, and before
  /// it refuses a put that others take.
  @Test func `only what concerns a lease is written in the second version`() {
    func version(_ command: Command) -> UInt8 {
      CommandEnvelope(
        origin: CommandOrigin(member: 1, boot: 1, sequence: 1), command: command
      ).encoded()[0]
    }
    var put = PutRequest(key: [UInt8]("k"), value: [])
    var txn = TxnRequest()
    txn.failure = [.put(put)]
    var outer = TxnRequest()
    outer.success = [.txn(txn)]
    #expect(version(.put(put)) == 1)
    #expect(version(.txn(outer)) == 1)
    #expect(version(.compaction(revision: 1)) == 1)
    put.lease = 1
    txn.failure = [.put(put)]
    outer.success = [.txn(txn)]
    #expect(version(.put(put)) == 2)
    #expect(version(.txn(outer)) == 2)
    #expect(version(.lease(.revoke(id: 1))) == 2)
  }

  @Test func `the extremes of leases come back, and no lease has the id zero`() throws {
    func envelope(_ command: LeaseCommand) -> CommandEnvelope {
      CommandEnvelope(origin: .nobody, command: .lease(command))
    }
    for number in [Int64.min, -1, 1, .max] {
      let tick = LeaseTick(
        time: .max, asOf: .max, dates: [.init(id: number, expiry: .max), .init(id: 1, expiry: 0)])
      for command in [
        LeaseCommand.grant(id: number, ttl: number), .revoke(id: number), .keepAlive(id: number),
        .expire(id: number, asOf: .max), .tick(tick),
      ] {
        let envelope = envelope(command)
        #expect(try CommandEnvelope(decoding: envelope.encoded()) == envelope)
      }
    }
    let early = LeaseTick(time: -1, asOf: 1, dates: [])
    for command in [LeaseCommand.grant(id: 0, ttl: 1), .tick(early)] {
      #expect(throws: EnvelopeError.malformed) {
        try CommandEnvelope(decoding: envelope(command).encoded())
      }
    }
  }

  @Test func `cut off anywhere, it is malformed`() {
    for seed in 0..<200 {
      let bytes = envelope(UInt64(seed)).encoded()
      for length in 0..<bytes.count {
        #expect(throws: EnvelopeError.malformed) {
          try CommandEnvelope(decoding: Array(bytes[..<length]))
        }
      }
      #expect(throws: EnvelopeError.malformed) { try CommandEnvelope(decoding: bytes + [0]) }
    }
  }

  @Test func `flipped bits and random bytes never trap`() {
    var dice = Dice(seed: 1)
    for seed in 0..<200 {
      var bytes = envelope(UInt64(seed)).encoded()
      for bit in 0..<min(bytes.count * 8, 400) {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        _ = try? CommandEnvelope(decoding: bytes)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      }
    }
    for _ in 0..<20_000 { _ = try? CommandEnvelope(decoding: [1] + dice.bytes(dice.below(60))) }
  }

  @Test func `a newer version is told from damage`() {
    var bytes = envelope(1).encoded()
    bytes[0] = 4
    #expect(throws: EnvelopeError.unknownVersion(4)) { try CommandEnvelope(decoding: bytes) }
  }

  @Test func `a nest deeper than any valid one is refused`() throws {
    func nest(_ depth: Int) -> TxnRequest {
      var request = TxnRequest()
      if depth > 1 { request.success = [.txn(nest(depth - 1))] }
      return request
    }
    let origin = CommandOrigin(member: 1, boot: 1, sequence: 1)
    let deepest = CommandEnvelope(origin: origin, command: .txn(nest(129)))
    #expect(try CommandEnvelope(decoding: deepest.encoded()) == deepest)
    #expect(throws: EnvelopeError.malformed) {
      try CommandEnvelope(
        decoding: CommandEnvelope(origin: origin, command: .txn(nest(1000))).encoded())
    }
  }
}
