import NIOCore
import NIOPosix
import Raft
import Replica
import Testing
import Wire

@testable import Transport

/// Who may speak to whom, and which of two connections stays.
@Suite struct HandshakeTests {
  @Test func `two members that dial each other at once end with one session`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      try await rig.send(1, from: 1, to: 2)
      try await rig.send(2, from: 2, to: 1)
      try await rig.wait(2) { $0.messages == [Rig.message(1)] }
      try await rig.wait(1) { $0.messages == [Rig.message(2)] }
      let losses = try await rig.onLoop { [rig[1].lostCount, rig[2].lostCount] }
      #expect(losses == [0, 0])
    }
  }

  @Test func `a member of another cluster is refused, and both sides know why`() async throws {
    try await Rig.run { rig in
      let first = try await rig.start(1, cluster: 7)
      let second = try await rig.start(2, cluster: 8)
      try await rig.introduce(1, to: [2: second])
      try await rig.introduce(2, to: [1: first])
      try await rig.wait(1) {
        $0.refusals.first == .otherCluster(theirs: ClusterID(8), ours: ClusterID(7))
      }
      try await rig.wait(2) {
        $0.refusals.first == .otherCluster(theirs: ClusterID(7), ours: ClusterID(8))
      }
      let opened = try await rig.onLoop { [rig[1].opened, rig[2].opened] }
      #expect(opened == [[], []])
    }
  }

  @Test func `a wiped member is refused, and learns from the handshake that it was wiped`()
    async throws
  {
    try await Rig.run { rig in
      let first = try await rig.start(1)
      let second = try await rig.start(2, incarnation: 999)
      try await rig.onLoop { rig[2].isFormed = false }
      try await rig.introduce(1, to: [2: second])
      try await rig.introduce(2, to: [1: first])
      try await rig.wait(1) { member in
        member.refusals.contains(
          .wiped(MemberID(2), theirs: Incarnation(999), ours: Incarnation(102)))
      }
      try await rig.wait(2) { member in
        member.dialedRefusals.contains(
          .iWasWiped(theirs: Incarnation(102), ours: Incarnation(999)))
      }
    }
  }

  @Test func `what a caller says of this member is told apart from what a called peer says`()
    async throws
  {
    try await Rig.run { rig in
      let port = try await rig.start(1)
      try await rig.onLoop { rig[1].isFormed = false }
      try await rig.introduce(1, to: [2: 0])
      let caller = try await RawPeer.connect(port: port, on: rig.loop)
      let lie = KnownMember(id: MemberID(1), incarnation: Incarnation(999))
      let hello = try await rig.onLoop {
        var hello = RawPeer.hello(as: 2, boot: 1, to: rig[1], receiverBoot: nil)
        hello.handshake.known = [lie]
        return hello
      }
      caller.send(.hello(hello))
      try await rig.wait(1) { member in
        member.refusals == [.iWasWiped(theirs: Incarnation(999), ours: Incarnation(101))]
      }
      #expect(try await rig.onLoop { rig[1].dialedRefusals.isEmpty })
      try await caller.awaitClose()
    }
  }

  @Test func `an address that leads to another member is found out`() async throws {
    try await Rig.run { rig in
      try await rig.start(1)
      let third = try await rig.start(3)
      try await rig.introduce(3, to: [1: 0])
      try await rig.introduce(1, to: [2: third])
      try await rig.wait(1) {
        $0.refusals.contains(.notMe(meant: MemberID(2), me: MemberID(3)))
      }
    }
  }

  @Test func `a member that nobody knows, and that means another directory, gets no session`()
    async throws
  {
    try await Rig.run { rig in
      let first = try await rig.start(1, incarnation: 555)
      try await rig.start(2)
      try await rig.introduce(2, to: [1: first])
      try await rig.wait(1) { $0.refusals.contains(.unknownMember(MemberID(2))) }
      try await rig.wait(2) { member in
        member.refusals.contains(
          .wiped(MemberID(1), theirs: Incarnation(555), ours: Incarnation(101)))
      }
      #expect(try await rig.onLoop { rig[2].opened.isEmpty })
    }
  }

  @Test func `somebody who is let in without being named can speak and be answered`() async throws {
    try await Rig.run { rig in
      let first = try await rig.start(1)
      try await rig.start(2)
      // Member 2 has member 1 in its configuration; member 1 has not heard of member 2.
      try await rig.introduce(2, to: [1: first])
      try await rig.wait(1) { $0.session(with: 2) != nil }
      try await rig.send(1, from: 2, to: 1)
      try await rig.send(2, from: 1, to: 2)
      try await rig.wait(1) { $0.messages == [Rig.message(1)] }
      try await rig.wait(2) { $0.messages == [Rig.message(2)] }
    }
  }

  /// Of either end: a host that is gone sends no end, and who only reads would wait for ever.
  @Test func `the kernel asks after both ends of a connection`() async throws {
    try await Rig.run { rig in
      try await rig.startPair()
      for member in [UInt64(1), 2] {
        let asks = try await rig.onLoop {
          let session = rig[member].transport.peers.first?.session
          let options = session?.channel?.syncOptions
          return try options?.getOption(.socketOption(.so_keepalive))
        }
        #expect(asks == 1, "member \(member)")
      }
    }
  }

  @Test func `a connection that says nothing is closed`() async throws {
    var settings = Rig.settings
    settings.handshakeTimeout = .milliseconds(50)
    try await Rig.run { [settings] rig in
      let port = try await rig.start(1, settings: settings)
      let client = try await RawPeer.connect(port: port, on: rig.loop)
      try await client.awaitClose()
    }
  }
}

/// What was meant by, or for, an earlier run of a process.
@Suite struct BootTests {
  @Test func `a message of an earlier boot is dropped after the next boot has shaken hands`()
    async throws
  {
    try await Rig.run { rig in
      let port = try await rig.start(1)
      try await rig.introduce(1, to: [2: 0])
      let old = try await RawPeer.connect(port: port, on: rig.loop)
      try await old.shakeHands(as: 2, boot: 1, with: rig[1])
      try await rig.wait(1) { $0.opened == [Boot(1)] }

      let new = try await RawPeer.connect(port: port, on: rig.loop)
      try await new.shakeHands(as: 2, boot: 2, with: rig[1])
      // On the loop, in one go: both write, so that both messages are on their way together.
      old.send(.message(Rig.message(1)))
      new.send(.message(Rig.message(2)))
      try await rig.wait(1) { $0.opened == [Boot(1), Boot(2)] && !$0.messages.isEmpty }
      try await old.awaitClose()
      let (messages, lost) = try await rig.onLoop { (rig[1].messages, rig[1].lostCount) }
      #expect(messages == [Rig.message(2)])
      #expect(lost == 1)
    }
  }

  @Test func `a handshake that is meant for an earlier boot is refused`() async throws {
    try await Rig.run { rig in
      let port = try await rig.start(1, boot: 5)
      try await rig.introduce(1, to: [2: 0])
      let peer = try await RawPeer.connect(port: port, on: rig.loop)
      peer.send(.hello(RawPeer.hello(as: 2, boot: 1, to: rig[1], receiverBoot: Boot(4))))
      try await rig.wait(1) { $0.refusals == [.staleBoot(meant: Boot(4), ours: Boot(5))] }
      try await peer.awaitClose()
    }
  }

  @Test func `nothing is delivered before the handshake is over`() async throws {
    try await Rig.run { rig in
      let port = try await rig.start(1)
      try await rig.introduce(1, to: [2: 0])
      let peer = try await RawPeer.connect(port: port, on: rig.loop)
      peer.send(.message(Rig.message(1)))
      try await peer.awaitClose()
      #expect(try await rig.onLoop { rig[1].messages.isEmpty })
    }
  }
}
