import NIOCore
import NIOHPACK
import Testing

@testable import RPC

@Suite struct `Frames out of bytes` {
  private func read(_ parts: [[UInt8]]) throws -> [HTTP2Frame] {
    var reader = FrameReader(expectsPreface: true)
    var frames: [HTTP2Frame] = []
    for part in parts {
      reader.append(ByteBuffer(bytes: part))
      while let frame = try reader.next() { frames.append(frame) }
    }
    return frames
  }

  /// RFC 9113 §4.1, §6.
  @Test func `frames come out whole wherever the bytes are cut`() throws {
    let bytes =
      Frames.preface + Frames.setting(4, 7)
      + Frames.frame(type: 1, flags: 0x2D, stream: 1, [2, 0, 0, 0, 0, 9, 0x82, 0x83, 1, 1])
      + Frames.frame(type: 9, flags: 4, stream: 1, [0x84])
      + Frames.frame(type: 0, flags: 9, stream: 1, [1, 8, 9, 0])
      + Frames.frame(type: 0xCC, flags: 0xFF, stream: 9, [1, 2, 3])
      + Frames.goAway(5, 11, "calm") + Frames.windowUpdate(stream: 3, by: 70_000)
    let expected: [HTTP2Frame] = [
      .settings([HTTP2Setting(number: 4, value: 7)]),
      .headers(StreamID(1), ByteBuffer(bytes: [0x82, 0x83]), isLast: true, isWhole: true),
      .continuation(StreamID(1), ByteBuffer(bytes: [0x84]), isWhole: true),
      .data(StreamID(1), ByteBuffer(bytes: [8, 9]), flowBytes: 4, isLast: true),
      .unknown, .goAway(last: StreamID(5), .enhanceYourCalm, ByteBuffer(string: "calm")),
      .windowUpdate(StreamID(3), increment: 70_000),
    ]
    for cut in 0...bytes.count {
      #expect(try read([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected, "cut at \(cut)")
    }
    #expect(try read(bytes.map { [$0] }) == expected)
  }

  /// §4.1: the reserved bit is ignored.
  @Test func `a stream's number has 31 bits`() throws {
    let frame = Frames.frame(type: 0, flags: 0, stream: 0x8000_0003, [1])
    #expect(
      try read([Frames.preface, frame]) == [
        .data(StreamID(3), ByteBuffer(bytes: [1]), flowBytes: 1, isLast: false)
      ])
  }

  @Test func `a payload in one piece is a slice of what arrived`() throws {
    let bytes = ByteBuffer(bytes: Frames.body([1, 2, 3]) + Frames.body([4]))
    var reader = FrameReader(expectsPreface: false)
    reader.append(bytes)
    let storage = bytes.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    var places: [UInt] = []
    while case .data(_, let payload, _, _)? = try reader.next() {
      places.append(payload.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } - storage)
    }
    #expect(places == [9, 21])
  }
}

@Suite struct `The table of streams` {
  /// Against a dictionary, with numbers that meet in their slots.
  @Test(arguments: 1...50) func `is a dictionary by stream`(seed: UInt64) {
    print("table seed \(seed)")
    var dice = Dice(seed: seed)
    var table = StreamTable<Int>()
    var model: [StreamID: Int] = [:]
    for step in 0..<2_000 {
      let id = StreamID(UInt32(dice.next(below: 8) * 256 + dice.next(below: 40)) + 1)
      if let value = model[id] {
        #expect(table[id] == value)
        if dice.next(below: 2) == 0 {
          #expect(table.remove(id) == value)
          model[id] = nil
        } else if let slot = table.slot(of: id) {
          table[slot] += 1
          model[id] = value + 1
        }
      } else {
        #expect(table[id] == nil)
        #expect(table.remove(id) == nil)
        table.insert(id, step)
        model[id] = step
      }
      #expect(table.count == model.count)
    }
    #expect(table.ids == model.keys.sorted())
    #expect(table.values.sorted() == model.values.sorted())
  }
}

@Suite struct `Header blocks` {
  private func encode(
    _ encoder: inout HeaderEncoder, _ template: HeaderTemplate, _ more: HPACKHeaders = [:]
  ) -> ByteBuffer {
    var block = ByteBuffer()
    encoder.begin(&block)
    encoder.write(template, to: &block)
    encoder.write(more, to: &block)
    return block
  }

  private let head = HeaderTemplate(
    0, [(":status", "200"), ("content-type", "application/grpc")])
  private let trailers = HeaderTemplate(1, [("grpc-status", "0")])

  /// By NIO's decoder, which is not ours.
  @Test func `are read by another decoder, the first time and later`() throws {
    var encoder = HeaderEncoder()
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    var sizes: [Int] = []
    for round in 0..<3 {
      var first = encode(
        &encoder, head, round == 1 ? ["long": String(repeating: "x", count: 500)] : [:])
      var second = encode(&encoder, trailers)
      sizes.append(second.readableBytes)
      let fields = try decoder.decodeHeaders(from: &first)
      #expect(fields.first(name: ":status") == "200")
      #expect(fields.first(name: "content-type") == "application/grpc")
      #expect((fields.first(name: "long")?.count == 500) == (round == 1))
      #expect(try decoder.decodeHeaders(from: &second).first(name: "grpc-status") == "0")
    }
    #expect(sizes == [15, 1, 1])
  }

  /// RFC 7541 §4.2, §4.3: a table that shrinks, in one step or by way of nothing.
  @Test(arguments: [[0], [60], [100], [2_000], [0, 4_096], [100, 2_000], [70_000], [50, 0, 90]])
  func `follow the size of the table that the peer allows`(limits: [Int]) throws {
    var encoder = HeaderEncoder()
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    for round in 0..<4 {
      for template in [head, trailers] {
        var block = encode(&encoder, template)
        let fields = try decoder.decodeHeaders(from: &block)
        #expect(
          fields.map { "\($0.name)=\($0.value)" }
            == template.fields.map { "\($0.name)=\($0.value)" })
      }
      guard round == 1 else { continue }
      for limit in limits { encoder.limitTable(to: limit) }
      decoder.maxDynamicTableLength = min(4_096, limits.last!)
    }
  }

  /// RFC 7541 §4.2: the smallest size since the last block, and the last, in this order and once.
  @Test(
    arguments: [
      ([0], [0x20]), ([2_000], [0x3F, 0xB1, 0x0F]),
      ([2_000, 4_096], [0x3F, 0xB1, 0x0F, 0x3F, 0xE1, 0x1F]),
      // Less than what is in it: it is emptied first.
      ([50], [0x20, 0x3F, 0x13]), ([50, 0], [0x20]), ([4_096], []), ([70_000], []),
    ] as [([Int], [UInt8])])
  func `tell a smaller table before they use it`(limits: [Int], update: [UInt8]) {
    var encoder = HeaderEncoder()
    for _ in 0..<2 { _ = (encode(&encoder, head), encode(&encoder, trailers)) }
    for limit in limits { encoder.limitTable(to: limit) }
    var block = ByteBuffer()
    encoder.begin(&block)
    #expect(Array(block.readableBytesView) == update)
    encoder.begin(&block)
    #expect(block.readableBytes == update.count, "told once")
  }

  @Test func `never put more into the table than it holds`() throws {
    var encoder = HeaderEncoder()
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    for round in 0..<3 {
      for number in 0..<200 {
        let template = HeaderTemplate(number, [("path", "/service/Method\(number)")])
        var block = encode(&encoder, template)
        let fields = try decoder.decodeHeaders(from: &block)
        #expect(fields.first(name: "path") == "/service/Method\(number)", "round \(round)")
      }
    }
  }

  private let fields = Frames.requestFields

  /// The same headers as an encoder with a table says them: literals first, then indices.
  @Test func `that come again are the same, and not decoded again`() throws {
    var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
    var decoder = HeaderDecoder(limitBytes: 10_000)
    var sizes: [Int] = []
    for round in 0..<4 {
      for path in ["/a/B", "/a/C"] {
        var headers = HPACKHeaders(fields.map { $0.0 == ":path" ? ($0.0, path) : $0 })
        if round == 2 { headers.add(name: "tag", value: "x", indexing: .nonIndexable) }
        if round == 3 { headers.add(name: "grpc-timeout", value: "1S") }
        var block = ByteBuffer()
        try encoder.encode(headers: headers, to: &block)
        sizes.append(block.readableBytes)
        let list = try decoder.decode(block, as: .request)
        #expect(list.fields.map(\.value) == headers.map(\.value))
        #expect(list.rules.isWellFormed)
        #expect(list.sizeBytes == headers.reduce(0) { $0 + $1.name.count + $1.value.count + 32 })
      }
    }
    #expect(sizes[2] == 6 && sizes[3] == 6, "nothing but indices")
  }

  /// What an index means changes with each insertion.
  @Test func `that are the same bytes mean something else once the table has changed`() throws {
    var decoder = HeaderDecoder(limitBytes: 10_000)
    func insert(_ value: UInt8) -> ByteBuffer { ByteBuffer(bytes: [0x40, 1, 0x61, 1, value]) }
    let indexed = ByteBuffer(bytes: [0xBE])
    for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
      _ = try decoder.decode(insert(letter), as: .trailers)
      for _ in 0..<3 {
        let list = try decoder.decode(indexed, as: .trailers)
        #expect(list.fields.first(name: "a") == String(UnicodeScalar(letter)))
      }
    }
    // An insertion behind indices, in one block.
    _ = try decoder.decode(ByteBuffer(bytes: [0xBE, 0x40, 1, 0x61, 1, 0x2B]), as: .trailers)
    #expect(try decoder.decode(indexed, as: .trailers).fields.first(name: "a") == "+")
    // The table emptied: the index means nothing any more.
    _ = try decoder.decode(ByteBuffer(bytes: [0x20]), as: .trailers)
    #expect(throws: HTTP2Failure.self) { _ = try decoder.decode(indexed, as: .trailers) }
  }

  @Test func `are held to the limit also when a part of them is known`() throws {
    var decoder = HeaderDecoder(limitBytes: 34 + 34 + 40)
    _ = try decoder.decode(ByteBuffer(bytes: [0x40, 1, 0x61, 1, 0x62]), as: .trailers)
    _ = try decoder.decode(ByteBuffer(bytes: [0xBE, 0xBE]), as: .trailers)
    _ = try decoder.decode(ByteBuffer(bytes: [0xBE, 0xBE, 0, 1, 0x61, 1, 0x62]), as: .trailers)
    #expect(throws: HTTP2Failure(.enhanceYourCalm, "headers larger than 108 bytes")) {
      let rest = [UInt8](repeating: 0x62, count: 8)
      _ = try decoder.decode(ByteBuffer(bytes: [0xBE, 0xBE, 0, 1, 0x61, 8] + rest), as: .trailers)
    }
  }

  /// With each kind of field (RFC 7541 §6), cut at every place.
  @Test func `show by their shape whether they change the table`() {
    let literal: [UInt8] = [0x0F, 0x10, 1, 0x62]
    let named: [UInt8] = [0x10, 1, 0x61, 1, 0x62]
    let shapes: [([UInt8], Int, Bool)] = [
      ([], 0, false), ([0x82, 0xFE], 2, false), ([0x82, 0xFF, 0x01], 1, false),
      ([0x82] + literal, 1, false), (named + [0x82], 0, false),
      (named + [0x41, 1, 0x62], 0, true), ([0x82, 0x7F], 1, true), ([0x20], 0, true),
      ([0x82, 0x3F, 0xE1, 0x1F], 1, true),
    ]
    for (bytes, indexed, changes) in shapes {
      let shape = bytes.withUnsafeBytes { BlockShape($0) }
      #expect(shape.indexedBytes == indexed && shape.changesTable == changes, "\(bytes)")
    }
    for bytes in [literal, named] {
      for cut in 1..<bytes.count {
        #expect(bytes[..<cut].withUnsafeBytes { BlockShape($0) }.changesTable, "\(bytes[..<cut])")
      }
    }
  }
}

@Suite struct `A rate` {
  @Test func `fills with time and not beyond its capacity`() {
    var rate = RateLimit(perHalfMinute: 30)
    var now = NIODeadline.uptimeNanoseconds(5)
    func take(_ count: Int) -> Int { (0..<count).count { _ in rate.take(at: now) } }
    #expect(take(100) == 30)
    now = now + .milliseconds(2_999)
    #expect(take(100) == 2)
    now = now + .milliseconds(1)
    #expect(take(100) == 1)
    now = now + .hours(1)
    #expect(take(100) == 30)
  }
}
