import QuorateClient
import Foundation
import Testing

extension EndToEnd {
  /// Hosts that end as when power fails, while a snapshot is under way: nobody hears of it.
  @Suite(.enabled(if: Hosts.whyNot == nil, "no network namespaces here"))
  struct `Lost hosts` {
    /// Three members on hosts of their own, and a follower that has missed a state of 10 MB.
    private func leftBehind() async throws -> (RealMembers, Hosts, leader: Int, follower: Int) {
      let hosts = try Hosts(3)
      let members = try RealMembers(3, on: hosts)
      let (leader, follower) = try members.startAll()
      try await members.leaveBehind(follower)
      return (members, hosts, leader, follower)
    }

    @Test func `the source of a snapshot is gone, and another one brings the follower up`()
      async throws
    {
      let (members, hosts, leader, follower) = try await leftBehind()
      try members.bringUp(follower)
      try hosts.delete(leader)
      members.stop(leader, with: SIGKILL)
      let goneAt = ContinuousClock.now
      try hosts.quicken(follower)
      let third = 6 - leader - follower
      let client = try members.client(third, timeout: .seconds(2))
      try await eventuallyAsking("a write at the two that are left", within: 10) {
        (try? await client.put("after", "the loss")) != nil
      }
      print("lost hosts: a write \(ContinuousClock.now - goneAt) after the leader's host was gone")
      await client.close()
    }
  }
}
