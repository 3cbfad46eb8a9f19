import KeyValue
import Raft
import Replica
import Wire

/// The deterministic parts: steps and bytes.
extension Benchmark {
  private static let put = CommandEnvelope(
    origin: CommandOrigin(member: 1, boot: 0x1234_5678_9ABC, sequence: 100_000),
    command: .put(PutRequest(key: Keys.key(1), value: Keys.value(1))))

  static var core: [Benchmark] {
    [
      Benchmark("core/put-leader") { _ in
        var core = LeadingCore()
        let command = put.encoded()
        return { for _ in 0..<$0 { core.put(command) } }
      },
      Benchmark("core/put-follower") { _ in
        var core = FollowingCore()
        let command = put.encoded()
        return { for _ in 0..<$0 { core.put(command) } }
      },
      Benchmark("replica/put-leader") { _ in
        var replica = LeadingReplica()
        let command = put.encoded()
        return { for _ in 0..<$0 { replica.put(command) } }
      },
      Benchmark("envelope/encode-put") { _ in
        { for _ in 0..<$0 { keep(put.encoded()) } }
      },
      Benchmark("envelope/decode-put") { _ in
        let bytes = put.encoded()
        return { for _ in 0..<$0 { keep(try CommandEnvelope(decoding: bytes)) } }
      },
    ]
  }

  static var wire: [Benchmark] {
    [1, 10, 100].flatMap { count in
      let entries = (1...UInt64(count)).map {
        Entry(
          id: EntryID(term: Term(7), index: LogIndex($0)), content: .command(put.encoded()))
      }
      let append = AppendEntries(previous: .zero, entries: entries, commitIndex: .zero)
      let frame = Frame.message(.raft(Message(term: Term(7), body: .appendEntries(append))))
      return [
        Benchmark("wire/encode-append-\(count)") { _ in
          var bytes: [UInt8] = []
          return {
            for _ in 0..<$0 {
              bytes.removeAll(keepingCapacity: true)
              frame.encode(into: &bytes)
            }
          }
        },
        Benchmark("wire/decode-append-\(count)") { _ in
          var bytes: [UInt8] = []
          frame.encode(into: &bytes)
          var decoder = FrameDecoder()
          return {
            for _ in 0..<$0 {
              decoder.receive(bytes)
              keep(try decoder.next())
            }
          }
        },
      ]
    }
  }
}
