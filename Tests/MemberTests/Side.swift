import Base
import Member
import Raft
import Wire

/// One exchange, stepped by hand, with an election timeout of one second.
struct Side {
  var exchange = SnapshotExchange(settings: Side.settings)
  var standing: SnapshotStanding
  var now = Instant.zero

  static let settings = SnapshotExchange.Settings(electionTimeout: .seconds(1))
  static let (leader, follower, other) = (MemberID(1), MemberID(2), MemberID(3))
  static let request = SnapshotRequest(to: follower, atLeast: LogIndex(7))
  static let head = SnapshotHead(applied: EntryID(term: Term(2), index: LogIndex(9)), source: 4)

  static func base(_ index: UInt64 = 9) -> LogBase {
    LogBase(
      last: EntryID(term: Term(2), index: LogIndex(index)),
      configuration: Configuration(members: []))
  }

  static func header(_ term: UInt64 = 2, _ index: UInt64 = 9) -> SnapshotFrame {
    .header(.init(term: Term(term), base: base(index), meta: []))
  }

  static func chunk(_ number: UInt64, _ bytes: [UInt8] = [1, 2, 3]) -> SnapshotFrame {
    .chunk(.init(number: number, bytes: bytes))
  }

  /// The leader of term 2.
  static var sending: Side {
    Side(
      standing: SnapshotStanding(
        term: Term(2), leader: leader, maySend: true, applied: LogIndex(9), installing: nil))
  }

  /// A follower in term 2 that stands at entry 3.
  static var receiving: Side {
    Side(
      standing: SnapshotStanding(
        term: Term(2), leader: leader, maySend: false, applied: LogIndex(3), installing: nil))
  }

  mutating func take(_ input: SnapshotInput) -> [SnapshotEffect] {
    var effects: [SnapshotEffect] = []
    exchange.step(input, at: now, standing, &effects)
    return effects
  }

  /// What happens until `duration` has passed, if nothing comes from outside.
  mutating func pass(_ duration: Duration) -> [SnapshotEffect] {
    let end = now + duration
    var effects: [SnapshotEffect] = []
    var turns = 0
    while exchange.wakeAt <= end && turns < 10_000 {
      now = max(now, exchange.wakeAt)
      effects += take(.timer)
      turns += 1
    }
    now = end
    return effects
  }

  // MARK: A follower that receives

  static let incoming = SnapshotStreamID(11, isDialed: false)

  mutating func connect(
    _ stream: SnapshotStreamID = incoming, _ peer: MemberID = leader, boot: UInt64 = 5,
    saysWorking: Bool = true
  ) -> [SnapshotEffect] {
    take(.connected(stream, with: peer, Boot(boot), saysWorking: saysWorking))
  }

  /// A snapshot is arriving, and its first chunk is on disk.
  static var inMiddle: Side {
    var side = receiving
    _ = side.connect()
    _ = side.take(.frame(header(), on: incoming))
    _ = side.take(.frame(chunk(0), on: incoming))
    _ = side.take(.report(.taken(incoming)))
    return side
  }

  // MARK: A leader that sends

  static let outgoing = SnapshotStreamID(1, isDialed: true)

  /// The state is open, and the first address is dialed.
  static func dialing(addresses: Int = 1) -> Side {
    var side = sending
    _ = side.take(.requested(request))
    _ = side.take(.opened(request, head, base: base(), addresses: addresses))
    return side
  }

  /// One chunk and the end were sent.
  static var awaitingAnswer: Side {
    var side = dialing()
    _ = side.take(.connected(outgoing, with: follower, Boot(5), saysWorking: true))
    _ = side.take(.report(.chunk(outgoing, [1, 2, 3])))
    _ = side.take(.writable(outgoing))
    _ = side.take(.report(.exhausted(outgoing)))
    return side
  }

  /// What a stream's end brings, whatever the end is.
  static let failure: [SnapshotEffect] = [
    .order(.close(source: 4)), .sent(request, .failed),
  ]
}

extension Side {
  /// What ends a stream of these chunks.
  static func end(of chunks: [[UInt8]]) -> SnapshotFrame {
    var checksum = CRC32C()
    for chunk in chunks { checksum.update(chunk) }
    return .end(.init(chunks: UInt64(chunks.count), checksum: checksum.value))
  }
}
