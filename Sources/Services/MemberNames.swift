import Base
import Raft
import Replica

extension MemberDirectory {
  /// A name for people: the member's own, or else its id.
  func name(of id: MemberID) -> String {
    guard let name = entry(id)?.name, !name.isEmpty else { return hexadecimal(id.number) }
    return name
  }

  func clientURLs(of id: MemberID) -> [String] { entry(id)?.clientURLs ?? [] }
}
