public import Raft

/// Whose data a directory holds; written once, when it is made.
public struct Identity: Hashable, Sendable {
  public var cluster: UInt64
  public var member: MemberID
  /// The member's name for people.
  public var name: String
  /// Drawn when the directory is made; never zero.
  public var incarnation: Incarnation
  /// What the log began after.
  public var origin: LogOrigin

  public init(
    cluster: UInt64, member: MemberID, name: String, incarnation: Incarnation,
    origin: LogOrigin = .nothing
  ) {
    self.cluster = cluster
    self.member = member
    self.name = name
    self.incarnation = incarnation
    self.origin = origin
  }
}

extension Identity {
  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: cluster)
    bytes.append(number: member.number)
    bytes.append(number: incarnation.number)
    bytes.append(counted: Array(name.utf8))
    if origin != .nothing {
      bytes.append(number: origin.last.term.number)
      bytes.append(number: origin.last.index.number)
      bytes.append(number: origin.digest)
    }
    return bytes
  }

  /// What ends before the origin began with nothing.
  init(decoding bytes: [UInt8], in file: String) throws(StorageError) {
    var cursor = ByteCursor(bytes)
    guard let cluster = cursor.number(UInt64.self), let member = cursor.number(UInt64.self),
      let incarnation = cursor.number(UInt64.self), let name = cursor.counted()
    else { throw .damaged(file: file, place: "its identity record") }
    self.init(
      cluster: cluster, member: MemberID(member), name: String(decoding: name, as: UTF8.self),
      incarnation: Incarnation(incarnation))
    guard cursor.remaining > 0 else { return }
    guard let term = cursor.number(UInt64.self), let index = cursor.number(UInt64.self),
      let digest = cursor.number(UInt64.self), cursor.remaining == 0, index > 0, digest != 0
    else { throw .damaged(file: file, place: "its identity record") }
    origin = LogOrigin(
      last: EntryID(term: Term(term), index: LogIndex(index)), digest: digest)
  }
}
