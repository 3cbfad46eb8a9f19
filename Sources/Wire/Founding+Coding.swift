import Base
import Raft
import Replica

extension Founding {
  func encode(into writer: inout ByteWriter) {
    writer.write(digest)
    writer.write(members)
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    let digest = try reader.readUInt64()
    self.init(digest: digest, members: try reader.readKnownMembers(field: "founding.members"))
    guard isKnown || members.isEmpty else { throw .malformed(field: "founding.digest") }
  }
}

extension ByteWriter {
  mutating func write(_ members: [KnownMember]) {
    write(count: members.count)
    for member in members {
      write(member.id.number)
      write(member.incarnation.number)
    }
  }
}

extension ByteReader {
  /// Ascending by member.
  mutating func readKnownMembers(field: String) throws(CodingError) -> [KnownMember] {
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
