import QuorateClient
import EtcdAPI
import Foundation
import Testing

extension EndToEnd {
  /// Two of three directories are gone for ever.
  @Suite struct `A lost majority` {
    private func recover(_ words: [String], input: String = "") -> (status: Int32, text: String) {
      do {
        return (0, try Shell.run([TestLab.executable, "recover"] + words, input: input))
      } catch let failure as Shell.Failure {
        return (failure.status, failure.description)
      } catch {
        return (-1, "\(error)")
      }
    }

    @Test func `is recovered with one command, and its members stay out`() async throws {
      let members = try RealMembers(3)
      for number in 1...3 { try members.start(number) }
      let client = try members.client(timeout: .seconds(20))
      try await eventuallyAsking("the store serves", within: 30) {
        (try? await client.put("a", "1")) != nil
      }
      for number in 1...50 { try await client.put("key-\(number)", "1") }
      await client.close()
      // What is left holds all of it: a quorum of the others may have answered.
      let second = try members.client(2)
      #expect(try await second.get("key-50") == Data("1".utf8))
      await second.close()
      let running = recover(["--plan", members.dataDirectory(2)])
      #expect(running.status == 1 && running.text.contains("in use"), "\(running)")
      for number in 1...3 { members.stop(number, with: 9) }
      let majority = recover(["--plan", members.dataDirectory(1), members.dataDirectory(2)])
      #expect(majority.status == 1 && majority.text.contains("majority"), "\(majority)")
      let nothing = recover([members.directory + "/nothing"])
      #expect(nothing.status == 1 && nothing.text.contains("no data directory"), "\(nothing)")
      #expect(recover([]).status == 128)

      // The third comes back when it is too late.
      try FileManager.default.removeItem(atPath: members.dataDirectory(1))
      let left = members.dataDirectory(2)
      let plan = recover(["--plan", left])
      #expect(plan.status == 0 && plan.text.contains("may be lost: every entry after"), "\(plan)")
      let cluster = try #require(plan.text.firstMatch(of: /cluster ([0-9a-f]+):/)?.1)
      let unconfirmed = recover([left], input: "yes\n")
      #expect(unconfirmed.status == 18 && unconfirmed.text.contains("nothing was changed"))
      let began = ContinuousClock.now
      let done = recover([left], input: "\(cluster)\n")
      #expect(done.status == 0 && done.text.contains("done: start it"), "\(done)")
      try members.start(2)
      let alone = try members.client(2)
      try await eventuallyAsking("the store takes writes again", within: 30) {
        (try? await alone.put("after", "1")) != nil
      }
      #expect(ContinuousClock.now - began < .seconds(60))
      #expect(try await alone.get("key-50") == Data("1".utf8))
      try members.start(3)
      try await eventuallyAsking("the lost member to be refused", within: 20) {
        try members.log(2).contains("a handshake was refused")
          || members.log(3).contains("a handshake was refused")
      }
      try await alone.put("after", "2")
      #expect(try await alone.memberList().message.members.map(\.name) == ["n2"])
      await alone.close()
    }
  }
}
