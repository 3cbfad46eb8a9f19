import Raft
import Replica
import Wire

/// Every single bit of a frame is turned: what comes out is nothing, or what went in.
enum FrameDrill {
  static func run() -> Drill.Ending {
    let entries = Sample.entries(3, 8...9)
    let append = AppendEntries(
      previous: EntryID(term: Term(2), index: LogIndex(7)), entries: entries,
      commitIndex: LogIndex(6))
    let sent = Frame.message(.raft(Message(term: Term(3), body: .appendEntries(append))))
    var bytes: [UInt8] = []
    sent.encode(into: &bytes)
    for bit in 0..<bytes.count * 8 {
      var bent = bytes
      bent[bit / 8] ^= 1 << UInt8(bit % 8)
      var decoder = FrameDecoder()
      decoder.receive(bent)
      if let frame = try? decoder.next(), frame != sent {
        return Drill.Ending(finding: "a bent frame arrives, bit \(bit) of it", steps: bit + 1)
      }
    }
    return Drill.Ending(finding: nil, steps: bytes.count * 8)
  }
}
