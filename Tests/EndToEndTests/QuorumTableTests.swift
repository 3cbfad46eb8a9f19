import QuorateClient
import Lab
import Testing

extension EndToEnd {
  /// The quorum rule (Docs/Consistency.md) on real processes: R of N counted, and obeyed.
  @Suite struct `The quorum rule on real members` {
    @Test(arguments: 1...7)
    func `for every R of N: more than half serve, at most half refuse`(members: Int) async throws {
      let lab = try TestLab(members: members)
      try await lab.client().put("side", "whole")
      // Both sides of each cut are looked at, so half of the cuts show every R.
      for reached in (members + 1) / 2...members {
        let sides = [Array(1...reached), Array(reached + 1..<members + 1)].filter { !$0.isEmpty }
        if sides.count > 1 {
          try lab.partition(
            sides.map { $0.map(String.init).joined(separator: ",") }.joined(separator: " | "))
        }
        for side in sides {
          let isQuorate = side.count > members / 2
          try eventually("\(side) of \(members) count themselves and serve or refuse", within: 15) {
            try side.allSatisfy { number in
              guard let page = try lab.page(number) else { return false }
              return page.heard == side.count && page.voters == members
                && page.quorate == isQuorate && page.serves.write.served == isQuorate
                && page.serves.linearizable.served == isQuorate
            }
          }
          for number in side {
            let client = try lab.client(number)
            if isQuorate {
              // A read may be repeated until there is a leader on this side; a write may not.
              try await eventuallyAsking("n\(number) of \(side) reads", within: 10) {
                (try? await client.get("side")) != nil
              }
              try await client.put("side", "\(side)")
            } else {
              await #expect(throws: ClientError.self, "n\(number) of \(side) took a write") {
                try await client.put("side", "\(side)")
              }
            }
            await client.close()
          }
        }
        _ = try lab.lab.heal()
        try lab.awaitSame()
      }
    }
  }
}
