import NIOCore
import Raft
import Replica
import Testing
import Transport
import Wire

/// The lab's switch. What must not arrive is followed by something that must, by another way
/// round, so that no test waits for nothing.
@Suite struct LinkTests {
  static let silent = Link(send: .silent, receive: .silent)

  @Test func `a silent link keeps its session, and nothing passes either way`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.setLink(Self.silent, of: 1, with: 2)
      try await rig.send(1, from: 1, to: 2)
      try await rig.send(2, from: 2, to: 1)
      // Healed, both get new connections; what was sent before stays lost.
      try await rig.setLink(.open, of: 1, with: 2)
      try await rig.wait(1) { $0.opened.count == 2 && $0.session(with: 2) != nil }
      try await rig.wait(2) { $0.session(with: 1) != nil && $0.opened.count == 2 }
      try await rig.send(3, from: 1, to: 2)
      try await rig.send(4, from: 2, to: 1)
      try await rig.wait(2) { $0.messages.last == Rig.message(3) }
      try await rig.wait(1) { $0.messages.last == Rig.message(4) }
      let messages = try await rig.onLoop { [rig[1].messages, rig[2].messages] }
      #expect(messages == [[Rig.message(4)], [Rig.message(3)]])
    }
  }

  @Test func `nobody is told of a cut, not even when the other side closes`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.start(3)
      try await rig.setLink(Self.silent, of: 1, with: 2)
      try await rig.onLoop { rig[2].transport.stop() }
      // A round trip with the loop's sockets: the end of member 2's connection has arrived by now.
      let probe = try await RawPeer.connect(port: try await rig.start(4), on: rig.loop)
      probe.send(.message(Rig.message(1)))
      try await probe.awaitClose()
      let (session, lost) = try await rig.onLoop { (rig[1].session(with: 2), rig[1].lostCount) }
      #expect(session == Boot(1))
      #expect(lost == 0)
      try await rig.setLink(.open, of: 1, with: 2)
      try await rig.wait(1) { $0.lostCount == 1 && $0.session(with: 2) == nil }
    }
  }

  @Test func `a one-way cut lets the other direction through`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.setLink(Link(send: .silent), of: 1, with: 2)
      try await rig.setLink(Link(receive: .silent), of: 2, with: 1)
      try await rig.send(1, from: 1, to: 2)
      try await rig.send(2, from: 2, to: 1)
      try await rig.wait(1) { $0.messages == [Rig.message(2)] }
      let (messages, dropped) = try await rig.onLoop {
        (rig[2].messages, rig[1].transport.status[0].dropped)
      }
      #expect(messages.isEmpty)
      #expect(dropped == 1)
    }
  }

  @Test func `a deaf member does not look at what arrives`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      // Only the receiver's switch is thrown: the bytes do come to its socket.
      try await rig.setLink(Link(receive: .silent), of: 2, with: 1)
      try await rig.send(1, from: 1, to: 2)
      try await rig.send(2, from: 2, to: 1)
      try await rig.wait(1) { $0.messages == [Rig.message(2)] }
      // The end of the connection makes a socket hand over all that it holds.
      try await rig.onLoop { rig[1].transport.stop() }
      let probe = try await RawPeer.connect(port: try await rig.start(4), on: rig.loop)
      probe.send(.message(Rig.message(1)))
      try await probe.awaitClose()
      #expect(try await rig.onLoop { rig[2].messages.isEmpty })
    }
  }

  @Test func `a reset link breaks the session at once and refuses new ones`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.setLink(Link(send: .reset), of: 1, with: 2)
      #expect(try await rig.onLoop { rig[1].lostCount } == 1)
      try await rig.wait(2) { $0.lostCount == 1 }
      let port = try await rig.onLoop { rig[1].session(with: 2) }
      #expect(port == nil)
      try await rig.setLink(.open, of: 1, with: 2)
      try await rig.wait(1) { $0.session(with: 2) != nil }
      try await rig.wait(2) { $0.session(with: 1) != nil }
    }
  }

  @Test func `a member that goes is noticed at once`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.onLoop { rig[2].transport.stop() }
      try await rig.wait(1) { $0.lostCount == 1 }
    }
  }

  @Test func `a peer that falls silent without a word is given up`() async throws {
    var settings = Rig.settings
    settings.idleTimeout = .milliseconds(80)
    try await Rig.run { [settings] rig in
      try await rig.startPair(settings: settings)
      try await rig.setLink(Self.silent, of: 2, with: 1)
      try await rig.wait(1) { $0.lostCount >= 1 }
    }
  }
}

/// What waits to leave is bounded, and what is urgent does not wait.
@Suite struct OutboxTests {
  @Test func `what does not fit the outbox is dropped and counted`() async throws {
    var settings = Rig.settings
    settings.limits.outboxBytes = 1 << 20
    try await Rig.run { [settings] rig in
      try await rig.startPair(settings: settings)
      try await rig.setLink(Link(receive: .silent), of: 2, with: 1)
      let dropped = try await rig.onLoop {
        for _ in 0..<200 {
          rig[1].transport.send(Self.append(bytes: 256 << 10), to: MemberID(2))
          rig[1].transport.flush()
        }
        return rig[1].transport.status[0].dropped
      }
      // 50 MB were sent; the outbox, the channel and the kernel hold a few of them.
      #expect(dropped > 100)
    }
  }

  @Test func `a heartbeat passes a large append`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.onLoop {
        rig[1].transport.send(Self.append(bytes: 8 << 20), to: MemberID(2))
        rig[1].transport.flush()
        // The socket is full by now; this one comes later and arrives first.
        rig[1].transport.send(Rig.message(1), to: MemberID(2))
        rig[1].transport.flush()
      }
      try await rig.wait(2) { $0.messages.count == 2 }
      #expect(try await rig.onLoop { rig[2].messages.first } == Rig.message(1))
    }
  }

  private static func append(bytes: Int) -> PeerMessage {
    let id = EntryID(term: Term(1), index: LogIndex(1))
    let entry = Entry(id: id, content: .command([UInt8](repeating: 7, count: bytes)))
    return .raft(
      Message(
        term: Term(1),
        body: .appendEntries(
          AppendEntries(previous: .zero, entries: [entry], commitIndex: .zero))))
  }
}

/// Snapshots have a connection of their own.
@Suite struct SnapshotConnectionTests {
  private static let stream = SnapshotStreamID(1, isDialed: true)

  @Test func `a stream arrives in order, and the control connection goes on`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.onLoop {
        rig[1].transport.openSnapshot(Self.stream, to: MemberID(2), attempt: 0)
      }
      try await rig.wait(1) { $0.stream != nil }
      let chunks = (0..<4).map { SnapshotFrame.Chunk(number: $0, bytes: [UInt8($0)]) }
      try await rig.onLoop {
        for chunk in chunks { _ = rig[1].transport.sendSnapshot(.chunk(chunk), on: rig[1].stream!) }
      }
      try await rig.wait(2) { $0.snapshotFrames == chunks.map { .chunk($0) } }
      try await rig.send(1, from: 1, to: 2)
      try await rig.wait(2) { $0.messages == [Rig.message(1)] }
      try await rig.onLoop { rig[1].transport.closeSnapshot(rig[1].stream!) }
      try await rig.wait(2) { $0.closedStreams == 1 }
      #expect(try await rig.onLoop { rig[2].lostCount } == 0)
    }
  }

  @Test func `reading stops while chunks wait to be written down`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.onLoop {
        rig[1].transport.openSnapshot(Self.stream, to: MemberID(2), attempt: 0)
      }
      try await rig.wait(1) { $0.stream != nil }
      let total = 400
      // The first alone: both ends share the loop, and the other must hear the end of the handshake
      // before its deadline, however long the loop is busy with the rest.
      _ = try await rig.onLoop { rig[1].transport.sendSnapshot(Self.chunk(0), on: rig[1].stream!) }
      try await rig.wait(2) { $0.snapshotFrames.count == 1 }
      let hasRoom = try await rig.onLoop {
        (1..<total).reduce(true) { _, number in
          rig[1].transport.sendSnapshot(Self.chunk(number), on: rig[1].stream!)
        }
      }
      #expect(!hasRoom)
      try await rig.wait(2) { $0.snapshotFrames.count >= 8 }
      // 24 MB were sent; before any is taken only a read's worth more than eight may come.
      #expect(try await rig.onLoop { rig[2].snapshotFrames.count } < 100)
      for taken in 1...total {
        try await rig.wait(2) { $0.snapshotFrames.count >= taken }
        try await rig.onLoop { rig[2].transport.snapshotChunkTaken(on: rig[2].stream!) }
      }
      try await rig.wait(2) { $0.snapshotFrames.count == total }
    }
  }

  private static func chunk(_ number: Int) -> SnapshotFrame {
    .chunk(
      SnapshotFrame.Chunk(
        number: UInt64(number), bytes: [UInt8](repeating: 1, count: 60 << 10)))
  }
}
