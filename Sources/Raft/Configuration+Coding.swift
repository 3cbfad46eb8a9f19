extension Configuration {
  private static let version: UInt8 = 1

  /// Version 1: version, the count of members, then each in ascending order of id.
  public func encode(into writer: inout RaftCoding.Writer) {
    writer.write(Self.version)
    writer.write(count: members.count)
    for member in members { member.encode(into: &writer) }
  }

  /// *Throws* `malformed` unless ids ascend, so that equal configurations are equal bytes.
  public init(from reader: inout RaftCoding.Reader) throws(RaftCoding.Failure) {
    try reader.readVersion(Self.version)
    let count = try reader.readCount(each: 25)
    var members: [Member] = []
    members.reserveCapacity(count)
    for _ in 0..<count {
      let member = try Member(from: &reader)
      if let last = members.last, last.id >= member.id {
        throw .malformed(field: "configuration.members")
      }
      members.append(member)
    }
    self.init(members: members)
  }

  public func encoded() -> [UInt8] {
    var writer = RaftCoding.Writer()
    encode(into: &writer)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(RaftCoding.Failure) {
    var reader = RaftCoding.Reader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }
}

extension Configuration.Member {
  fileprivate func encode(into writer: inout RaftCoding.Writer) {
    writer.write(id.number)
    writer.write(incarnation.number)
    writer.write(role.rawValue)
    writer.write(name)
    writer.write(count: peerURLs.count)
    for url in peerURLs { writer.write(url) }
  }

  fileprivate init(from reader: inout RaftCoding.Reader) throws(RaftCoding.Failure) {
    let id = MemberID(try reader.readUInt64())
    guard id.number != 0 else { throw .malformed(field: "member.id") }
    let incarnation = Incarnation(try reader.readUInt64())
    guard let role = Configuration.Role(rawValue: try reader.readUInt8()) else {
      throw .malformed(field: "member.role")
    }
    let name = try reader.readString(field: "member.name")
    let count = try reader.readCount(each: 4)
    guard count > 0 else { throw .malformed(field: "member.peerURLs") }
    var urls: [String] = []
    urls.reserveCapacity(count)
    for _ in 0..<count { urls.append(try reader.readString(field: "member.peerURLs")) }
    self.init(id: id, incarnation: incarnation, role: role, name: name, peerURLs: urls)
  }
}
