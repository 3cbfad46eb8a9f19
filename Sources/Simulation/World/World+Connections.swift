import Base
import Member
import Raft
import Wire

/// Connections for snapshots: dialed, cut, closed at one end and not at the other.
extension World {
  private func index(of number: Int) -> Int? {
    connections.firstIndex { $0.number == number }
  }

  /// Where a member's end of a stream is.
  private func index(of stream: SnapshotStreamID, at member: SimulatedMember) -> Int? {
    connections.firstIndex { connection in
      guard let end = connection[!stream.isDialed] else { return false }
      return end.member == member.position && end.boot == member.boot && end.stream == stream
    }
  }

  private func isAlive(_ end: SnapshotConnection.End) -> Bool {
    end.isOpen && members[end.member].isUp && members[end.member].boot == end.boot
  }

  // MARK: Dialing

  /// Of two addresses the first may be dead for all: it refuses, or swallows what is sent there.
  func dial(
    _ stream: SnapshotStreamID, to peer: MemberID, attempt: Int, from member: SimulatedMember
  ) {
    guard let to = positionOf[peer] else {
      preconditionFailure("\(member.name) sends a snapshot to nobody")
    }
    lastConnection += 1
    connections.append(
      SnapshotConnection(
        number: lastConnection,
        dialer: .init(member: member.position, boot: member.boot, stream: stream),
        acceptorPosition: to))
    let delay = weather.delay.draw(&streamDice)
    guard weather.hasDeadAddresses && attempt % 2 == 0 else {
      return after(delay, .snapshotDialed(lastConnection))
    }
    if streamDice.chance(1, in: 2) { push(.end, lastConnection, toAcceptor: false) }
  }

  /// The dial arrives. A link that is cut lets it wait, as long as the dialer does.
  func accept(_ number: Int) {
    guard let index = index(of: number), isAlive(connections[index].dialer) else { return }
    let dialer = members[connections[index].dialer.member]
    let member = members[connections[index].acceptorPosition]
    guard network.isOpenBothWays(dialer.position, member.position), !member.isPaused else {
      return after(Self.retry, .snapshotDialed(number))
    }
    guard member.isUp, member.sessions[dialer.position] == dialer.boot,
      dialer.sessions[member.position] == member.boot
    else { return push(.end, number, toAcceptor: false) }
    member.lastAcceptedStream += 1
    let stream = SnapshotStreamID(member.lastAcceptedStream, isDialed: false)
    connections[index].acceptor = .init(
      member: member.position, boot: member.boot, stream: stream)
    exchange(member, .connected(stream, with: dialer.id, dialer.boot, saysWorking: true))
    after(
      weather.delay.draw(&streamDice),
      .snapshotConnected(dialer.position, dialer.boot, number, peerBoot: member.boot))
  }

  /// The dialer hears that its connection stands.
  func connected(_ member: SimulatedMember, _ number: Int, _ peerBoot: Boot) {
    guard let index = index(of: number), isAlive(connections[index].dialer) else { return }
    let stream = connections[index].dialer.stream
    let peer = members[connections[index].acceptorPosition].id
    exchange(member, .connected(stream, with: peer, peerBoot, saysWorking: true))
  }

  // MARK: Frames

  /// How long a kernel waits before it tries again.
  private static let retry = Duration.milliseconds(5)

  /// Puts a frame on its way; whether another has room.
  func sendSnapshot(
    _ frame: SnapshotFrame, on stream: SnapshotStreamID, from member: SimulatedMember
  ) -> Bool {
    guard let index = index(of: stream, at: member) else { return false }
    var bytes: [UInt8] = []
    Frame.snapshot(frame).encode(into: &bytes)
    push(.bytes(bytes), connections[index].number, toAcceptor: stream.isDialed)
    guard stream.isDialed else { return true }
    let coming = connections[index].acceptor?.coming.count ?? 0
    connections[index].isFull = coming >= SnapshotConnection.windowFrames
    return !connections[index].isFull
  }

  private func push(_ item: SnapshotConnection.Item, _ number: Int, toAcceptor: Bool) {
    guard let index = index(of: number), connections[index][toAcceptor] != nil else { return }
    var delay = weather.delay.draw(&streamDice)
    if case .end = item { delay = delay + weather.lateEnd.draw(&streamDice) }
    let at = max(now + delay, connections[index][toAcceptor]?.lastArrival ?? .zero)
    connections[index][toAcceptor]?.lastArrival = at
    connections[index][toAcceptor]?.coming.append(item)
    queue.push(.snapshotDelivery(number, toAcceptor: toAcceptor), at: at)
  }

  /// What was sent first arrives, if it can.
  func deliverSnapshot(_ number: Int, toAcceptor: Bool) {
    guard let index = index(of: number), let end = connections[index][toAcceptor],
      isAlive(end), !connections[index].isSilent
    else { return }
    let member = members[end.member]
    let other = toAcceptor ? connections[index].dialer.member : connections[index].acceptorPosition
    let isCut = !network.isOpenBothWays(end.member, other)
    if isCut && streamDice.chance(weather.silentEndsPerThousand, in: 1_000) {
      // Something on the way has forgotten it, and the link that comes back does not bring it.
      connections[index].isSilent = true
      return
    }
    let isUnread = toAcceptor && connections[index].unread >= SnapshotConnection.unreadLimit
    guard !isCut, !member.isPaused, !isUnread else {
      return after(Self.retry, .snapshotDelivery(number, toAcceptor: toAcceptor))
    }
    guard let item = end.coming.first else { return }
    connections[index][toAcceptor]?.coming.removeFirst()
    switch item {
    case .end: learnEnd(number, toAcceptor)
    case .bytes(let bytes): receiveSnapshot(bytes, index, toAcceptor, member)
    }
  }

  private func receiveSnapshot(
    _ bytes: [UInt8], _ index: Int, _ toAcceptor: Bool, _ member: SimulatedMember
  ) {
    connections[index][toAcceptor]?.decoder.receive(bytes)
    var again: [UInt8] = []
    guard case .snapshot(let frame) = try? connections[index][toAcceptor]?.decoder.next(),
      let stream = connections[index][toAcceptor]?.stream
    else { return fail("\(member.name) cannot read a frame of a snapshot") }
    Frame.snapshot(frame).encode(into: &again)
    guard again == bytes else {
      return fail("a frame of a snapshot for \(member.name) changes on its way")
    }
    if case .chunk = frame { connections[index].unread += 1 }
    if toAcceptor, connections[index].isFull {
      connections[index].isFull = false
      let dialer = connections[index].dialer
      after(.zero, .snapshotWritable(dialer.member, dialer.boot, dialer.stream))
    }
    exchange(member, .frame(frame, on: stream))
  }

  func tookChunk(_ stream: SnapshotStreamID, _ member: SimulatedMember) {
    guard let index = index(of: stream, at: member) else { return }
    connections[index].unread -= 1
  }

  // MARK: Ends

  /// A process closes its end.
  func closeConnection(_ stream: SnapshotStreamID, _ member: SimulatedMember) {
    guard let index = index(of: stream, at: member) else { return }
    closeEnd(connections[index].number, isAcceptor: !stream.isDialed)
  }

  private func closeEnd(_ number: Int, isAcceptor: Bool) {
    guard let index = index(of: number) else { return }
    connections[index][isAcceptor]?.isOpen = false
    if streamDice.chance(weather.silentEndsPerThousand, in: 1_000) {
      connections[index].isSilent = true
    }
    push(.end, number, toAcceptor: !isAcceptor)
    sweep()
  }

  /// One end hears that the connection is over.
  func learnEnd(_ number: Int, _ isAcceptor: Bool) {
    guard let index = index(of: number), let end = connections[index][isAcceptor], isAlive(end)
    else { return }
    connections[index][isAcceptor]?.isOpen = false
    let (member, stream) = (members[end.member], end.stream)
    sweep()
    exchange(member, .closed(stream))
  }

  /// A process ends: its kernel closes what it had open, unless it has gone with the power.
  func breakConnections(of member: SimulatedMember, power: Bool) {
    for connection in connections {
      for isAcceptor in [false, true] {
        guard let end = connection[isAcceptor], end.member == member.position,
          end.boot == member.boot, end.isOpen
        else { continue }
        if power, let index = index(of: connection.number) { connections[index].isSilent = true }
        closeEnd(connection.number, isAcceptor: isAcceptor)
      }
    }
  }

  /// A cut that breaks connections: each end learns of it, soon, late or never.
  func breakConnections(_ left: SimulatedMember, _ right: SimulatedMember) {
    let pair = Set([left.position, right.position])
    for connection in connections
    where Set([connection.dialer.member, connection.acceptorPosition]) == pair {
      guard let index = index(of: connection.number), !connections[index].isSilent else {
        continue
      }
      connections[index].isSilent = true
      for isAcceptor in [false, true] {
        guard let end = connection[isAcceptor],
          !streamDice.chance(weather.silentEndsPerThousand, in: 1_000)
        else { continue }
        let delay = weather.delay.draw(&streamDice) + weather.lateEnd.draw(&streamDice)
        after(
          delay,
          .snapshotBroken(end.member, end.boot, connection.number, isAcceptor: isAcceptor))
      }
    }
  }

  /// Forgets connections that no living process has open.
  private func sweep() {
    connections.removeAll { connection in
      !isAlive(connection.dialer) && !(connection.acceptor.map(isAlive) ?? false)
    }
  }
}
