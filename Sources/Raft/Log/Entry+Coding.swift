public import Base

extension EntryID {
  public func encode(into writer: inout ByteWriter) {
    writer.write(term.number)
    writer.write(index.number)
  }

  public init(from reader: inout ByteReader) throws(CodingError) {
    let term = Term(try reader.readUInt64())
    self.init(term: term, index: LogIndex(try reader.readUInt64()))
  }
}

extension Entry {
  /// Version 1: version, kind, term, index, then what the kind carries. Kinds: 0 no-op,
  /// 1 configuration, 2 command.
  private static let version: UInt8 = 1

  /// About what the entry takes in memory, on disk and on the wire; every limit in bytes counts
  /// with it.
  public var byteCount: Int {
    switch content {
    case .noop: 32
    case .configuration(let configuration): 32 + 96 * configuration.members.count
    case .command(let command): 32 + command.count
    }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(Self.version)
    switch content {
    case .noop:
      writer.write(0 as UInt8)
      id.encode(into: &writer)
    case .configuration(let configuration):
      writer.write(1 as UInt8)
      id.encode(into: &writer)
      configuration.encode(into: &writer)
    case .command(let command):
      writer.write(2 as UInt8)
      id.encode(into: &writer)
      writer.write(counted: command)
    }
  }

  public init(from reader: inout ByteReader) throws(CodingError) {
    try reader.readVersion(Self.version)
    let kind = try reader.readUInt8()
    let id = try EntryID(from: &reader)
    switch kind {
    case 0: self.init(id: id, content: .noop)
    case 1: self.init(id: id, content: .configuration(try Configuration(from: &reader)))
    case 2: self.init(id: id, content: .command(try reader.readCounted()))
    case _: throw .malformed(field: "entry.kind")
    }
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: byteCount)
    encode(into: &writer)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }
}

extension LogBase {
  private static let version: UInt8 = 1

  public func encode(into writer: inout ByteWriter) {
    writer.write(Self.version)
    last.encode(into: &writer)
    configuration.encode(into: &writer)
  }

  public init(from reader: inout ByteReader) throws(CodingError) {
    try reader.readVersion(Self.version)
    let last = try EntryID(from: &reader)
    self.init(last: last, configuration: try Configuration(from: &reader))
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }
}

extension HardState {
  private static let version: UInt8 = 1

  /// The term, then the vote; zero, which is nobody, stands for none.
  public func encode(into writer: inout ByteWriter) {
    writer.write(Self.version)
    writer.write(currentTerm.number)
    writer.write(votedFor?.number ?? 0)
  }

  public init(from reader: inout ByteReader) throws(CodingError) {
    try reader.readVersion(Self.version)
    let term = Term(try reader.readUInt64())
    let vote = try reader.readUInt64()
    self.init(currentTerm: term, votedFor: vote == 0 ? nil : MemberID(vote))
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: 17)
    encode(into: &writer)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }
}
