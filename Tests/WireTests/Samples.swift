import Base
import KeyValue
import Raft
import Replica
import Wire

/// Random but well-formed values of everything that travels.
struct Samples {
  var dice: SplitMix64

  init(seed: UInt64) { dice = SplitMix64(seed: seed) }

  mutating func bytes(upTo limit: Int) -> [UInt8] {
    (0..<dice.index(below: limit + 1)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
  }

  mutating func text() -> String {
    let letters = Array("aé界z-09")
    return String((0..<dice.index(below: 9)).map { _ in letters[dice.index(below: letters.count)] })
  }

  mutating func flag() -> Bool { dice.chance(1, in: 2) }

  mutating func bounded() -> UInt64 { dice.next() >> (2 + dice.next(below: 60)) }

  mutating func term() -> Term { Term(bounded()) }

  mutating func index() -> LogIndex { LogIndex(bounded()) }

  mutating func member() -> MemberID { MemberID(1 + dice.next() >> 1) }

  mutating func entryID() -> EntryID { EntryID(term: term(), index: index()) }

  mutating func instant() -> Instant { Instant(nanoseconds: Int64(bounded())) }

  mutating func optional<Value>(_ draw: (inout Samples) -> Value) -> Value? {
    flag() ? draw(&self) : nil
  }

  mutating func configuration() -> Configuration {
    let roles: [Configuration.Role] = [.learner, .voter, .incoming, .outgoing, .demoting]
    return Configuration(
      members: (1...1 + dice.next(below: 4)).map { number in
        Configuration.Member(
          id: MemberID(number * 1000 + dice.next(below: 1000)),
          incarnation: Incarnation(dice.next()), role: roles[dice.index(below: roles.count)],
          prospect: prospect(), name: text(), peerURLs: [text(), text()],
          clientURLs: flag() ? [text()] : [])
      })
  }

  mutating func base() -> LogBase { LogBase(last: entryID(), configuration: configuration()) }

  mutating func appendEntries(upTo limit: Int) -> Message {
    let previous = entryID()
    var last = previous
    let entries = (0..<dice.index(below: 5)).map { _ in
      let id = EntryID(
        term: Term(last.term.number + dice.next(below: 2)), index: last.index.next)
      last = id
      switch dice.next(below: 3) {
      case 0: return Entry(id: id, content: .noop)
      case 1: return Entry(id: id, content: .configuration(configuration()))
      case _: return Entry(id: id, content: .command(bytes(upTo: limit)))
      }
    }
    return Message(
      term: last.term,
      body: .appendEntries(
        AppendEntries(previous: previous, entries: entries, commitIndex: index())))
  }

  mutating func refusal() -> ForwardRefusal {
    let all: [ForwardRefusal] = [
      .notLeader(leader: member()), .notLeader(leader: nil), .transferring, .tooManyRequests,
      .noSpace, .inquorate, .shuttingDown, .requestTooLarge,
    ]
    return all[dice.index(below: all.count)]
  }

  /// One message of each kind that travels.
  mutating func messages() -> [PeerMessage] {
    let bodies: [Message.Body] = [
      .preVote(PreVote(lastEntry: entryID())),
      .preVoteReply(VoteReply(granted: flag())),
      .requestVote(RequestVote(lastEntry: entryID(), isTransfer: flag())),
      .voteReply(VoteReply(granted: flag())),
      .appendReply(AppendReply(.accepted(match: entryID()))),
      .appendReply(AppendReply(.rejected(previous: index(), hint: entryID()))),
      .heartbeat(Heartbeat(round: dice.next(), commitIndex: index())),
      .heartbeatReply(HeartbeatReply(round: dice.next())),
      .timeoutNow,
      .readIndex(ReadIndex(id: ReadID(dice.next()))),
      .readIndexReply(
        ReadIndexReply(id: ReadID(dice.next()), index: optional { $0.index() })),
    ]
    var messages = bodies.map { PeerMessage.raft(Message(term: term(), body: $0)) }
    messages.append(.raft(appendEntries(upTo: 200)))
    messages.append(.ping(instant()))
    messages.append(.pong(instant()))
    let proposals = (0..<dice.index(below: 4)).map { _ in
      ForwardedProposal(
        id: RequestID(dice.next()), command: bytes(upTo: 50), isGrowing: flag())
    }
    messages.append(
      .forward(
        Forward(term: term(), boot: Boot(dice.next()), number: dice.next(), proposals: proposals)))
    let verdicts = (0..<dice.index(below: 6)).map { _ in
      ForwardReply.Verdict(
        id: RequestID(dice.next()),
        outcome: flag() ? .appended(entryID()) : .refused(refusal()))
    }
    messages.append(.forwardReply(ForwardReply(boot: Boot(dice.next()), verdicts: verdicts)))
    messages.append(.digest(digestReport()))
    let first = Int64(bounded())
    messages.append(
      .diverged(
        Divergence(
          member: member(), index: index(), revisions: first...first + Int64(dice.next(below: 9)))))
    messages += [.roomQuery, .roomReply(hasRoom: flag())]
    return messages + changes()
  }

  mutating func digestReport() -> DigestReport {
    let ranges = (0..<dice.index(below: 5)).map { _ in
      DigestMark.Range(
        throughRow: Int64(bounded()), throughRevision: Int64(bounded()), digest: dice.next())
    }
    return DigestReport(
      mark: DigestMark(
        index: dice.next(), revision: Int64(bounded()),
        digest: StateDigest(lanes: (dice.next(), dice.next(), dice.next(), dice.next())),
        purgedRevision: Int64(bounded()) - 1, ranges: ranges),
      isDamaged: flag())
  }

  mutating func hello() -> Hello {
    let known = (1...1 + dice.next(below: 5)).map {
      KnownMember(id: MemberID($0 * 7), incarnation: Incarnation(dice.next()))
    }
    return Hello(
      purpose: flag() ? .control : .snapshot,
      handshake: Handshake(
        clusterID: ClusterID(dice.next()), from: member(), name: text(),
        incarnation: Incarnation(dice.next()), boot: Boot(dice.next()), to: member(),
        receiverBoot: optional { Boot($0.dice.next()) }, initialDigest: dice.next(),
        isFormed: flag(), known: known, configurationIndex: index(),
        founding: flag() ? Founding(digest: dice.next(), members: known) : .unknown))
  }

  mutating func snapshotFrames() -> [SnapshotFrame] {
    [
      .header(SnapshotFrame.Header(term: term(), base: base(), meta: bytes(upTo: 300))),
      .chunk(SnapshotFrame.Chunk(number: dice.next(), bytes: bytes(upTo: 300))),
      .end(SnapshotFrame.End(chunks: dice.next(), checksum: UInt32(dice.next() >> 32))),
      .accepted(base()),
      .working,
    ] + SnapshotFrame.Rejection.allCases.map { .rejected($0) }
  }

  /// One frame of each kind.
  mutating func frames() -> [Frame] {
    messages().map(Frame.message) + [.hello(hello())] + snapshotFrames().map(Frame.snapshot)
      + joinQueries()
  }
}

/// All frames in `bytes`, which come in parts of `size`.
func decode(
  _ bytes: [UInt8], inPartsOf size: Int = .max, limits: WireLimits = WireLimits()
) throws(WireError) -> [Frame] {
  var decoder = FrameDecoder(limits: limits)
  var frames: [Frame] = []
  var position = 0
  while position < bytes.count {
    let end = position + min(size, bytes.count - position)
    decoder.receive(Array(bytes[position..<end]))
    position = end
    while let frame = try decoder.next() { frames.append(frame) }
  }
  return frames
}
