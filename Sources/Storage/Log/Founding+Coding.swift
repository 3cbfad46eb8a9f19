import Raft

extension Founding {
  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: digest)
    bytes.append(number: UInt32(members.count))
    for member in members {
      bytes.append(number: member.id.number)
      bytes.append(number: member.incarnation.number)
    }
    return bytes
  }

  init(decoding bytes: [UInt8], in file: String) throws(StorageError) {
    var cursor = ByteCursor(bytes)
    guard let digest = cursor.number(UInt64.self), let count = cursor.number(UInt32.self),
      digest != 0, cursor.remaining == 16 * Int(count)
    else { throw .damaged(file: file, place: "its founding record") }
    var members: [KnownMember] = []
    while let id = cursor.number(UInt64.self), let incarnation = cursor.number(UInt64.self) {
      members.append(KnownMember(id: MemberID(id), incarnation: Incarnation(incarnation)))
    }
    self.init(digest: digest, members: members)
  }
}
