import Logging
import Member
import Raft
import Replica
import Transport
import Wire

/// Snapshots out and in: what comes for the exchange, and what it wants.
extension ReplicaLoop {
  func take(_ report: SnapshotReport) {
    guard case .opened(let request, let head) = report else { return exchange(.report(report)) }
    let base = head.flatMap { replica?.snapshotBase(at: $0.applied) }
    exchange(
      .opened(
        request, head, base: base, addresses: transport.addressCount(of: request.to)))
  }

  func exchangeIfDue() {
    if snapshots.wakeAt <= MonotonicClock.now() { exchange(.timer) }
  }

  /// One step of the exchange, and what it wants.
  func exchange(_ input: SnapshotInput) {
    var effects: [SnapshotEffect] = []
    snapshots.step(input, at: MonotonicClock.now(), replica?.snapshotStanding ?? .absent, &effects)
    for effect in effects { perform(effect) }
  }

  private func perform(_ effect: SnapshotEffect) {
    switch effect {
    case .openSource(let request): inboxes.apply.post(.openSnapshot(.follower(request)))
    case .dial(let stream, to: let peer, attempt: let attempt):
      transport.openSnapshot(stream, to: peer, attempt: attempt)
    case .send(let frame, on: let stream):
      let hasRoom = transport.sendSnapshot(frame, on: stream)
      if case .chunk = frame, hasRoom { exchange(.writable(stream)) }
    case .close(let stream): transport.closeSnapshot(stream)
    case .took(let stream): transport.snapshotChunkTaken(on: stream)
    case .order(let order):
      if case .piece(_, let bytes) = order, !recovery.isTold {
        recovery.snapshotBytes += bytes.count
      }
      inboxes.snapshots.post(.order(order))
    case .sent(let request, let outcome): step(.snapshotSent(request, outcome))
    case .received(let stream, let base, term: let term, from: let leader):
      step(.snapshotReceived(base, term: term, from: leader))
      exchange(.judged(stream))
    case .note(let note): tell(note)
    }
  }

  private func tell(_ note: SnapshotNote) {
    switch note {
    case .sends(to: let peer):
      logger.info("sends a snapshot", metadata: ["peer": "\(name(of: peer))"])
    case .receives(from: let peer):
      logger.info("receives a snapshot", metadata: ["peer": "\(name(of: peer))"])
    case .sendingEnded(to: let peer, let end):
      logger.info(
        "a snapshot was not delivered",
        metadata: ["peer": "\(name(of: peer))", "why": "\(end)"])
    case .receivingEnded(from: let peer, let end):
      logger.info(
        "a snapshot did not arrive whole",
        metadata: ["peer": "\(name(of: peer))", "why": "\(end)"])
    }
  }
}
