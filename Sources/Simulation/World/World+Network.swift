import Base
import Member
import Raft
import Replica
import Wire

/// What passes between members: handshakes, sessions and messages, all of it as frames.
extension World {
  // MARK: Messages

  /// `log`: what was on disk when the message was allowed to leave; `nil`: what is there now.
  func transmit(
    _ envelope: PeerEnvelope, from member: SimulatedMember, as log: ShadowLog? = nil
  ) {
    if case .raft(let message) = envelope.message {
      observePromise(message, to: envelope.to, member, as: log ?? member.durable.log)
    }
    guard let to = positionOf[envelope.to], let toBoot = member.sessions[to] else { return }
    tellMessage("\(member.name)→\(members[to].name) \(describe(envelope.message))")
    var bytes: [UInt8] = []
    Frame.message(envelope.message).encode(into: &bytes)
    sentMessages += 1
    watch?(
      .sent(
        sentMessages, at: now, from: member.position, to: to, text: describe(envelope.message)))
    post(
      Packet(
        number: sentMessages, from: member.position, to: to, fromBoot: member.boot, toBoot: toBoot,
        bytes: bytes))
  }

  /// Gives bytes to the network, which may lose, repeat or delay them.
  private func post(_ packet: Packet) {
    guard network.isOpen(packet.from, packet.to) else { return }
    if networkDice.chance(weather.lossPerThousand, in: 1_000) { return }
    let delay = weather.delay.draw(&networkDice)
    if networkDice.chance(weather.reorderPerThousand, in: 1_000) {
      after(delay + weather.reorderDelay.draw(&networkDice), .packet(packet))
    } else {
      let arrival = network.arrival(packet.from, packet.to, after: delay, now: now)
      queue.push(.packet(packet), at: arrival)
    }
    if networkDice.chance(weather.duplicatePerThousand, in: 1_000) {
      after(delay + weather.reorderDelay.draw(&networkDice), .packet(packet))
    }
  }

  func deliver(_ packet: Packet) {
    let member = members[packet.to]
    guard network.isOpen(packet.from, packet.to), member.isUp else { return }
    if let toBoot = packet.toBoot, toBoot != member.boot { return }
    if packet.number > 0 { watch?(.arrived(packet.number, at: now)) }
    if member.isPaused { return member.backlog.append(.packet(packet)) }
    receive(packet, member)
  }

  func receive(_ packet: Packet, _ member: SimulatedMember) {
    var decoder = FrameDecoder()
    decoder.receive(packet.bytes)
    do throws(WireError) {
      while let frame = try decoder.next() {
        switch frame {
        case .hello(let hello): receivedHandshake(member, hello.handshake)
        case .message(let message):
          guard member.sessions[packet.from] == packet.fromBoot else { return }
          step(member, .message(message, from: members[packet.from].id))
        case .snapshot, .joinQuery, .joinAnswer:
          fail("\(member.name) receives a \(frame) among its messages")
        }
      }
    } catch {
      fail("\(member.name) refuses a frame: \(error)")
    }
  }

  // MARK: Sessions

  /// Every pair without a session tries to shake hands, and sessions over dead links end.
  func connectAll() {
    for left in members {
      for right in members[(left.position + 1)...] {
        connect(left, right)
      }
    }
    after(weather.reconnect, .connectTurn)
  }

  private func connect(_ left: SimulatedMember, _ right: SimulatedMember) {
    let (l, r) = (left.position, right.position)
    if !network.isOpenBothWays(l, r) {
      guard now - network.unchangedSince(l, r) > weather.silenceLimit else { return }
      return resetSession(left, right)
    }
    guard left.isUp, right.isUp else { return }
    let isOpen = left.sessions[r] == right.boot && right.sessions[l] == left.boot
    if !isOpen && !left.isPaused { sendHandshake(right, from: left, receiverBoot: nil) }
    guard !left.isRunning || !right.isRunning else { return }
    // Both dial: who is refused finds out by itself what is wrong. And what is lost over an open
    // connection is repeated, for before both have formed nothing else would show it.
    if !right.isPaused { sendHandshake(left, from: right, receiverBoot: isOpen ? left.boot : nil) }
    if isOpen && !left.isPaused { sendHandshake(right, from: left, receiverBoot: right.boot) }
  }

  func sendHandshake(
    _ member: SimulatedMember, from sender: SimulatedMember, receiverBoot: Boot?
  ) {
    var bytes: [UInt8] = []
    let handshake = handshake(from: sender, to: member.id, receiverBoot: receiverBoot)
    Frame.hello(Hello(purpose: .control, handshake: handshake)).encode(into: &bytes)
    post(
      Packet(
        from: sender.position, to: member.position, fromBoot: sender.boot, toBoot: receiverBoot,
        bytes: bytes))
  }

  private func handshake(
    from member: SimulatedMember, to peer: MemberID, receiverBoot: Boot?
  ) -> Handshake {
    guard let admission = member.admission else {
      preconditionFailure("\(member.name) is down and shakes hands")
    }
    return admission.handshake(to: peer, receiverBoot: receiverBoot, by: roster(member))
  }

  func openSession(_ member: SimulatedMember, _ peer: Int, _ handshake: Handshake) {
    let isAnswer = handshake.receiverBoot != nil
    // The answer to a first hello, and among those of which one has not formed its confirmation.
    let confirms = !handshake.isFormed || !(member.admission?.hasFormed ?? false)
    if !isAnswer || (confirms && member.sessions[peer] != handshake.boot) {
      sendHandshake(members[peer], from: member, receiverBoot: handshake.boot)
    }
    if let boot = member.sessions[peer] {
      // The answer of a handshake, or news of who is known, over the session that is open.
      if isAnswer && boot == handshake.boot { return }
      breakSession(member, peer, boot)
    }
    member.sessions[peer] = handshake.boot
    member.sessionSince[peer] = now
    member.sessionIncarnations[peer] = handshake.incarnation
    tellMessage("\(member.name) has a session with \(members[peer].name)")
    step(member, .sessionOpened(handshake.from, handshake.boot))
    if !member.exchange.isQuiet { exchange(member, .session(handshake.from, handshake.boot)) }
    introduce(members[peer], to: member)
  }

  func breakSession(_ member: SimulatedMember, _ peer: Int, _ peerBoot: Boot) {
    guard member.sessions[peer] == peerBoot else { return }
    member.sessions[peer] = nil
    tellMessage("\(member.name) loses its session with \(members[peer].name)")
    step(member, .sessionLost(members[peer].id))
  }

  /// Both ends learn that their session is gone, each after a moment.
  func resetSession(_ left: SimulatedMember, _ right: SimulatedMember) {
    breakConnections(left, right)
    for (member, peer) in [(left, right.position), (right, left.position)] {
      guard let boot = member.sessions[peer] else { continue }
      after(
        weather.delay.draw(&networkDice),
        .sessionBroken(member.position, member.boot, peer: peer, peerBoot: boot))
    }
  }

  /// A process ends, and its system tells the others where the links still carry that.
  func resetSessions(of member: SimulatedMember) {
    for peer in members where peer !== member {
      guard let boot = peer.sessions[member.position], boot == member.boot,
        network.isOpen(member.position, peer.position)
      else { continue }
      after(
        weather.delay.draw(&networkDice),
        .sessionBroken(peer.position, peer.boot, peer: member.position, peerBoot: boot))
    }
  }
}
