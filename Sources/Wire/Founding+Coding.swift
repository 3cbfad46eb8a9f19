import Raft
import Replica

extension Founding {
  func encode(into writer: inout RaftCoding.Writer) {
    writer.write(digest)
    writer.write(members)
  }

  init(from reader: inout RaftCoding.Reader) throws(RaftCoding.Failure) {
    let digest = try reader.readUInt64()
    self.init(digest: digest, members: try reader.readKnownMembers(field: "founding.members"))
    guard isKnown || members.isEmpty else { throw .malformed(field: "founding.digest") }
  }
}

extension RaftCoding.Writer {
  mutating func write(_ members: [KnownMember]) {
    write(count: members.count)
    for member in members {
      write(member.id.number)
      write(member.incarnation.number)
    }
  }
}

extension RaftCoding.Reader {
  /// Ascending by member.
  mutating func readKnownMembers(field: String) throws(RaftCoding.Failure) -> [KnownMember] {
    let count = try readCount(each: 16)
    var members: [KnownMember] = []
    members.reserveCapacity(count)
    for _ in 0..<count {
      let id = try readMemberID()
      guard members.last.map({ $0.id < id }) ?? true else { throw .malformed(field: field) }
      members.append(KnownMember(id: id, incarnation: Incarnation(try readUInt64())))
    }
    return members
  }
}
