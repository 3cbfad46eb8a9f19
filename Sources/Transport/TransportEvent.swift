public import Raft
public import Replica
public import Wire

/// What a transport tells its owner, on its event loop.
public enum TransportEvent: Sendable {
  /// Both sides have admitted each other. May follow another `opened` of the same boot: the
  /// connection was replaced.
  case opened(MemberID, Boot)
  /// The session broke; the peer may be gone.
  case lost(MemberID)
  case message(PeerMessage, from: MemberID)
  /// A handshake failed; the connection is closed and will be tried again. `dialed`: this member
  /// called at an address of its own list, so whoever answered is who it takes for `peer`.
  /// Otherwise anybody may have called, under any name.
  case refused(HandshakeRefusal, peer: MemberID, dialed: Bool)
  /// A snapshot connection stands, whoever dialed it. `saysWorking`: the peer's build knows
  /// `SnapshotFrame.working`.
  case snapshotConnected(SnapshotStreamID, with: MemberID, Boot, saysWorking: Bool)
  /// It takes another frame.
  case snapshotWritable(SnapshotStreamID)
  case snapshotFrame(SnapshotFrame, SnapshotStreamID)
  /// The snapshot connection is closed, by whomever, or did not come to stand.
  case snapshotClosed(SnapshotStreamID)
}

/// The one that a transport works for: it decides whom to talk to and takes what they say.
/// Everything is called on the transport's event loop.
public protocol TransportOwner: AnyObject {
  /// What this member says of itself to `peer` now.
  func handshake(to peer: MemberID, receiverBoot: Boot?) -> Handshake
  /// Judges a peer's handshake; `nil`: admitted.
  func refusal(of handshake: Handshake) -> HandshakeRefusal?
  /// What to say to somebody who has no place in the store yet.
  func answer(to joinQuery: JoinQuery) -> JoinAnswer
  func receive(_ event: TransportEvent)
  /// Everything that had arrived was handed over: the time to act on it and to flush.
  func receivedAll()
}
