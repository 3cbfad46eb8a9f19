import Base
import KeyValue
import Raft
import Replica
import Wire

/// Everything that can happen in a simulated world. Members and clients are named by position;
/// what belongs to one boot of a member carries it and is void in another.
enum Event {
  /// A member's own timer.
  case wake(Int, Boot)
  /// Bytes reach a member.
  indirect case packet(Packet)
  /// The disk has had its time for the batch that the log has.
  case diskDone(Int, Boot)
  /// The apply lane takes its next turn.
  case applyTurn(Int, Boot)
  /// The flush lane takes its next turn.
  case flushTurn(Int, Boot)
  /// A member looks how much space its disk has.
  case spaceTurn(Int, Boot)
  /// A member takes in the requests that wait.
  case drain(Int, Boot)
  /// A member learns that its session with that boot of another is gone.
  case sessionBroken(Int, Boot, peer: Int, peerBoot: Boot)
  /// Every pair without a session tries to shake hands.
  case connectTurn
  /// The dial of a connection for a snapshot arrives, by the connection's number.
  case snapshotDialed(Int)
  /// The dialer hears that its connection stands, with that boot of its peer.
  case snapshotConnected(Int, Boot, Int, peerBoot: Boot)
  /// What was sent first on a connection arrives at one end.
  case snapshotDelivery(Int, toAcceptor: Bool)
  /// One end hears that the connection is over.
  case snapshotBroken(Int, Boot, Int, isAcceptor: Bool)
  /// A stream has room for the next frame.
  indirect case snapshotWritable(Int, Boot, SnapshotStreamID)
  /// A member's exchange of snapshots wants to be woken.
  case exchangeTurn(Int, Boot)
  /// The snapshot lane takes its letters.
  case laneTurn(Int, Boot)
  /// What the snapshot lane has to tell reaches the member's loop.
  case laneReports(Int, Boot)
  /// A client asks for something.
  case clientTurn(Int)
  /// A client's request reaches a member.
  indirect case request(ClientRequest)
  /// A client is answered; the number is the attempt's.
  indirect case answer(Int, attempt: Int, ClientAnswer)
  /// A client gives up waiting.
  case clientTimeout(Int, attempt: Int)
  /// One who holds leases takes a step.
  case keeperTurn(Int)
  /// It is told the result; `nil`: it was refused, or nobody knows.
  indirect case keeperAnswer(Int, attempt: Int, result: CommandResult?)
  case keeperTimeout(Int, attempt: Int)
  /// One who watches takes a step.
  case watcherTurn(Int)
  /// Something reaches it on a stream of its own.
  indirect case watchNews(Int, WatchStreamID, WatchNews)
  /// A client asks a member for a backup.
  case backupAsk
  /// The client of this call does with its backup what it is used to do.
  case backupRead(Int, Boot, UInt64)
  /// A member's backup lane takes its next turn.
  case backupTurn(Int, Boot)
  /// A member's scrub lane takes its next turn.
  case scrubTurn(Int, Boot)
  /// A member's watch lane takes its next turn.
  case watchTurn(Int, Boot)
  /// A member's row reader works its letters off.
  case readerTurn(Int, Boot)
  /// The weather changes.
  case weatherTurn
  /// A power cut is laid somewhere.
  case powerTurn
  /// A new leader is cut off, with what it has just appended.
  case cutLeader(Int, Boot)
  /// A member is killed, in the middle of what was begun shortly before.
  case crashSoon(Int)
  /// The operator looks after a member that cannot come back.
  case replaceTurn(Int)
  /// There is room on a member's disk again.
  case diskRoom(Int)
  /// A link changes between cut and whole, until the instant.
  case flapTurn(Int, Int, until: Instant)
  /// Only this member is reached by the others from now on, except by the leader.
  case constrain(hub: Int)
  /// The store is compacted.
  case compactTurn
  /// A member that was told to end has had its time.
  case terminated(Int, Boot)
  /// A member that knows that it was removed ends.
  case retired(Int, Boot)
  case healLinks
  case restart(Int)
  case resume(Int)
  case diskCalm(Int)
  /// The quorum rule is held against the truth.
  case inspection
}

/// Bytes on their way from one boot to another.
struct Packet {
  /// Counts the messages of the run; zero: a handshake.
  var number: UInt64 = 0
  var from: Int
  var to: Int
  var fromBoot: Boot
  /// `nil`: a handshake, which does not know yet whom it will meet.
  var toBoot: Boot?
  var bytes: [UInt8]
}
