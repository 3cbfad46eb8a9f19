public import Base

extension Configuration {
  /// What the first version cannot say: prospects and client URLs.
  private var needsSecondVersion: Bool {
    members.contains { $0.prospect != .none || !$0.clientURLs.isEmpty }
  }

  /// The version, the count of members, then each in ascending order of id. The version is the
  /// lowest that can say it, so that equal configurations are equal bytes and an older program
  /// reads what it can understand.
  public func encode(into writer: inout ByteWriter) {
    let version: UInt8 = needsSecondVersion ? 2 : 1
    writer.write(version)
    writer.write(count: members.count)
    for member in members { member.encode(version: version, into: &writer) }
  }

  /// *Throws* `malformed` unless ids ascend, so that equal configurations are equal bytes.
  public init(from reader: inout ByteReader) throws(CodingError) {
    let version = try reader.readUInt8()
    guard (1...2).contains(version) else { throw .unknownVersion(version) }
    let count = try reader.readCount(each: 25)
    var members: [Member] = []
    members.reserveCapacity(count)
    for _ in 0..<count {
      let member = try Member(version: version, from: &reader)
      if let last = members.last, last.id >= member.id {
        throw .malformed(field: "configuration.members")
      }
      members.append(member)
    }
    self.init(members: members)
    guard version == 1 || needsSecondVersion else {
      throw .malformed(field: "configuration.version")
    }
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

extension Configuration.Member {
  func encode(version: UInt8, into writer: inout ByteWriter) {
    writer.write(id.number)
    writer.write(incarnation.number)
    writer.write(role.rawValue)
    writer.write(name)
    writer.write(count: peerURLs.count)
    for url in peerURLs { writer.write(url) }
    guard version > 1 else { return }
    prospect.encode(into: &writer)
    writer.write(count: clientURLs.count)
    for url in clientURLs { writer.write(url) }
  }

  init(
    version: UInt8, from reader: inout ByteReader
  ) throws(CodingError) {
    let id = MemberID(try reader.readUInt64())
    guard id.number != 0 else { throw .malformed(field: "member.id") }
    let incarnation = Incarnation(try reader.readUInt64())
    guard let role = Configuration.Role(rawValue: try reader.readUInt8()) else {
      throw .malformed(field: "member.role")
    }
    let name = try reader.readString(field: "member.name")
    let urls = try reader.readStrings(field: "member.peerURLs")
    guard !urls.isEmpty else { throw .malformed(field: "member.peerURLs") }
    self.init(id: id, incarnation: incarnation, role: role, name: name, peerURLs: urls)
    guard version > 1 else { return }
    prospect = try Configuration.Prospect(from: &reader)
    clientURLs = try reader.readStrings(field: "member.clientURLs")
  }
}

extension Configuration.Prospect {
  /// A byte, then what belongs to it in eight.
  public func encode(into writer: inout ByteWriter) {
    switch self {
    case .none: writer.write(0 as UInt8)
    case .voter: writer.write(1 as UInt8)
    case .spare(after: let delay):
      writer.write(2 as UInt8)
      writer.write(UInt64(bitPattern: delay.nanoseconds))
    case .successor(of: let member):
      writer.write(3 as UInt8)
      writer.write(member.number)
    }
  }

  public init(from reader: inout ByteReader) throws(CodingError) {
    switch try reader.readUInt8() {
    case 0: self = .none
    case 1: self = .voter
    case 2:
      let nanoseconds = Int64(bitPattern: try reader.readUInt64())
      guard nanoseconds >= 0 else { throw .malformed(field: "member.spareDelay") }
      self = .spare(after: .nanoseconds(nanoseconds))
    case 3:
      let member = MemberID(try reader.readUInt64())
      guard member.number != 0 else { throw .malformed(field: "member.successor") }
      self = .successor(of: member)
    case _: throw .malformed(field: "member.prospect")
    }
  }
}

extension ByteReader {
  public mutating func readStrings(field: String) throws(CodingError) -> [String] {
    let count = try readCount(each: 4)
    var strings: [String] = []
    strings.reserveCapacity(count)
    for _ in 0..<count { strings.append(try readString(field: field)) }
    return strings
  }
}
