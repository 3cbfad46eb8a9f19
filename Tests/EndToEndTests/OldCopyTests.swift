import QuorateClient
import Foundation
import Testing

extension EndToEnd {
  /// What an operator must not do, and is told so where it can be seen.
  @Suite struct `A directory put back from an older copy` {
    @Test func `ends its member with a word about it, and the others go on`() async throws {
      let members = try RealMembers(3)
      let (leader, follower) = try members.startAll()
      members.stop(follower)
      let copy = members.directory + "/copy"
      try FileManager.default.copyItem(atPath: members.dataDirectory(follower), toPath: copy)
      try members.start(follower, RealMembers.labFlags)
      let client = try members.client(leader)
      for number in 1...20 { try await client.put("key", "\(number)") }
      try eventually("the follower holds what the others hold", within: 20) { members.isSame }
      members.stop(follower)
      try FileManager.default.removeItem(atPath: members.dataDirectory(follower))
      try FileManager.default.moveItem(atPath: copy, toPath: members.dataDirectory(follower))
      try members.start(follower, RealMembers.labFlags)
      try eventually("the member has ended", within: 20) { members.exitCode(follower) != nil }
      #expect(members.exitCode(follower) == 32)
      let words = try members.log(follower).split(separator: "\n").last ?? ""
      #expect(words.contains("the directory was put back from an older copy"), "\(words)")
      try await client.put("key", "after")
      #expect(try await client.get("key") == Data("after".utf8))
      await client.close()
    }
  }
}
