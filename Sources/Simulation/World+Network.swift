import Raft
import Replica
import Wire

/// What passes between members: greetings, sessions and messages, all of it as frames.
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
        case .hello(let hello): greeted(member, hello.greeting)
        case .message(let message):
          guard member.sessions[packet.from] == packet.fromBoot else { return }
          step(member, .message(message, from: members[packet.from].id))
        case .snapshot, .inquiry, .inquiryAnswer:
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
    if !isOpen && !left.isPaused { greet(right, from: left, receiverBoot: nil) }
  }

  private func greet(
    _ member: SimulatedMember, from sender: SimulatedMember, receiverBoot: Boot?
  ) {
    var bytes: [UInt8] = []
    let greeting = greeting(from: sender, to: member.id, receiverBoot: receiverBoot)
    Frame.hello(Hello(purpose: .control, greeting: greeting)).encode(into: &bytes)
    post(
      Packet(
        from: sender.position, to: member.position, fromBoot: sender.boot, toBoot: receiverBoot,
        bytes: bytes))
  }

  func greetingRule(_ member: SimulatedMember) -> GreetingRule {
    GreetingRule(
      me: member.id, name: member.name, clusterID: cluster.clusterID,
      incarnation: member.incarnation, boot: member.boot,
      initialDigest: member.isInitial ? cluster.digest : 0)
  }

  private func greeting(
    from member: SimulatedMember, to peer: MemberID, receiverBoot: Boot?
  ) -> Greeting {
    if case .forming(let formation) = member.phase {
      var greeting = formation.greeting(to: peer, receiverBoot: receiverBoot)
      // Not before the disk holds it.
      greeting.isFormed = false
      return greeting
    }
    var greeting = greetingRule(member).greeting(
      to: peer, receiverBoot: receiverBoot, isFormed: true, known: known(to: member))
    greeting.configurationIndex = member.core?.membership.index ?? .zero
    return greeting
  }

  /// The members that a formed member goes by.
  private func known(to member: SimulatedMember) -> [KnownMember] {
    member.core?.knownMembers
      ?? member.log.configuration.members.map {
        KnownMember(id: $0.id, incarnation: $0.incarnation)
      }
  }

  private func greeted(_ member: SimulatedMember, _ greeting: Greeting) {
    guard let peer = positionOf[greeting.from] else { return }
    do throws(GreetingRefusal) {
      if case .forming(var formation) = member.phase {
        let knownBefore = formation.known
        try formation.admit(greeting)
        member.phase = .forming(formation)
        openSession(member, peer, greeting)
        if formation.known != knownBefore { regreet(member) }
        formIfComplete(member, formation)
      } else {
        var known = known(to: member)
        if !member.isInitial && !known.contains(where: { $0.id == greeting.from }) {
          // Who joins is told where the others are before it knows who they are.
          known.append(KnownMember(id: greeting.from, incarnation: .unknown))
        }
        let membership = member.core?.membership
        try greetingRule(member).admit(
          greeting, isFormed: true, known: known,
          memberAt: membership?.isMember == true ? membership?.index : nil)
        openSession(member, peer, greeting)
      }
    } catch {
      tellMessage("\(member.name) refuses \(members[peer].name): \(error.sentence)")
      if error == .iWasRemoved { step(member, .dismissed) }
    }
  }

  private func openSession(_ member: SimulatedMember, _ peer: Int, _ greeting: Greeting) {
    let isAnswer = greeting.receiverBoot != nil
    if !isAnswer { greet(members[peer], from: member, receiverBoot: greeting.boot) }
    if let boot = member.sessions[peer] {
      // The answer of a handshake, or news of who is known, over the session that is open.
      if isAnswer && boot == greeting.boot { return }
      breakSession(member, peer, boot)
    }
    member.sessions[peer] = greeting.boot
    member.sessionSince[peer] = now
    tellMessage("\(member.name) has a session with \(members[peer].name)")
    step(member, .sessionOpened(greeting.from, greeting.boot))
    introduce(members[peer], to: member)
  }

  /// A forming member has learnt of another: so should those it has met.
  private func regreet(_ member: SimulatedMember) {
    for (peer, boot) in member.sessions.enumerated() {
      if let boot { greet(members[peer], from: member, receiverBoot: boot) }
    }
  }

  func breakSession(_ member: SimulatedMember, _ peer: Int, _ peerBoot: Boot) {
    guard member.sessions[peer] == peerBoot else { return }
    member.sessions[peer] = nil
    tellMessage("\(member.name) loses its session with \(members[peer].name)")
    step(member, .sessionLost(members[peer].id))
  }

  /// Both ends learn that their session is gone, each after a moment.
  func resetSession(_ left: SimulatedMember, _ right: SimulatedMember) {
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
