import Base
import Raft
import Replica
import Testing
import Wire

/// An AppendEntries with one command.
func appendOf(commandBytes: Int, term: UInt64 = 1) -> Message {
  let id = EntryID(term: Term(term), index: LogIndex(1))
  let entry = Entry(id: id, content: .command([UInt8](repeating: 7, count: commandBytes)))
  return Message(
    term: Term(term),
    body: .appendEntries(AppendEntries(previous: .zero, entries: [entry], commitIndex: .zero)))
}

/// A frame with good checksums around any payload.
func seal(_ payload: [UInt8], kind: UInt8) -> [UInt8] {
  func littleEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
  let head =
    [0x51, 0x72, 1, kind] + littleEndian(UInt32(payload.count))
    + littleEndian(CRC32C.checksum(of: payload))
  return head + littleEndian(CRC32C.checksum(of: head)) + payload
}

@Suite("The outbox of a connection")
struct PeerOutboxTests {
  private let heartbeat = PeerMessage.raft(
    Message(term: Term(1), body: .heartbeat(Heartbeat(round: 1, commitIndex: .zero))))

  @Test func `a heartbeat passes between the pieces of a large append`() throws {
    var outbox = PeerOutbox()
    let append = PeerMessage.raft(appendOf(commandBytes: 300_000))
    outbox.enqueue(append)
    var bytes: [UInt8] = []
    outbox.drain(into: &bytes, limitBytes: 1)
    #expect(bytes.count == (64 << 10) + 16)

    outbox.enqueue(heartbeat)
    while !outbox.isEmpty { outbox.drain(into: &bytes, limitBytes: bytes.count + 1) }

    #expect(try decode(bytes) == [.message(heartbeat), .message(append)])
    #expect(outbox.byteCount == 0)
  }

  @Test func `appends and forwards leave in the order they came`() throws {
    var outbox = PeerOutbox()
    let messages: [PeerMessage] = [
      .raft(appendOf(commandBytes: 100_000, term: 1)),
      .forward(Forward(term: Term(1), boot: Boot(1), number: 1, proposals: [])),
      .raft(appendOf(commandBytes: 1, term: 2)),
    ]
    for message in messages { outbox.enqueue(message) }
    var bytes: [UInt8] = []
    outbox.drain(into: &bytes, limitBytes: .max)
    #expect(try decode(bytes) == messages.map(Frame.message))
  }

  @Test func `a full outbox drops what is new and takes more once it has drained`() throws {
    var limits = WireLimits()
    limits.outboxBytes = 10_000
    var outbox = PeerOutbox(limits: limits)
    let append = PeerMessage.raft(appendOf(commandBytes: 6_000))
    var taken = [outbox.enqueue(append), outbox.enqueue(append), outbox.enqueue(heartbeat)]
    #expect(taken == [true, false, true])
    var bytes: [UInt8] = []
    outbox.drain(into: &bytes, limitBytes: .max)
    taken = [outbox.enqueue(append), outbox.enqueue(append)]
    #expect(taken == [true, false])
    #expect(try decode(bytes).count == 2)
  }

  @Test func `random traffic comes out whole, lane by lane in order`() throws {
    var samples = Samples(seed: 21)
    for _ in 0..<20 {
      var outbox = PeerOutbox()
      var sent: [PeerMessage] = []
      var bytes: [UInt8] = []
      for _ in 0..<4 {
        for message in samples.messages() + [.raft(samples.appendEntries(upTo: 90_000))] {
          let isTaken = outbox.enqueue(message)
          #expect(isTaken)
          sent.append(message)
          outbox.drain(into: &bytes, limitBytes: bytes.count + samples.dice.index(below: 200))
        }
      }
      outbox.drain(into: &bytes, limitBytes: .max)
      let frames = try decode(bytes, inPartsOf: 10_000)
      #expect(frames.count == sent.count)
      func isBulk(_ frame: Frame) -> Bool {
        switch frame {
        case .message(.forward), .message(.digest), .message(.diverged): true
        case .message(.raft(let message)):
          if case .appendEntries = message.body { true } else { false }
        case .message, .hello, .snapshot, .joinQuery, .joinAnswer: false
        }
      }
      let all = sent.map(Frame.message)
      #expect(frames.filter(isBulk) == all.filter(isBulk))
      #expect(frames.filter { !isBulk($0) } == all.filter { !isBulk($0) })
    }
  }

  @Test func `what an earlier protocol lacks is not sent to who speaks it`() throws {
    let later: [PeerMessage] = [.roomQuery, .roomReply(hasRoom: true)]
    for (newest, expected) in [(1, 1), (2, 1), (3, 3), (4, 3)] as [(UInt32, Int)] {
      var outbox = PeerOutbox()
      outbox.peerProtocol = newest
      for message in later + [.ping(.zero)] { outbox.enqueue(message) }
      var bytes: [UInt8] = []
      outbox.drain(into: &bytes, limitBytes: .max)
      let frames = try decode(bytes, inPartsOf: 100)
      #expect(frames.count == expected && frames.last == .message(.ping(.zero)))
    }
  }
}
