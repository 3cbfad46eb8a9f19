import Base
import KeyValue
import Raft
import Replica

/// Kinds of messages, as the first byte of their payload. A number is never given twice.
enum MessageKind: UInt8, CaseIterable {
  case preVote = 1
  case preVoteReply = 2
  case requestVote = 3
  case voteReply = 4
  case appendEntries = 5
  case appendReply = 6
  case heartbeat = 7
  case heartbeatReply = 8
  // 9 is InstallSnapshot's and stays free: it is concluded from a stream, never sent.
  case timeoutNow = 10
  case readIndex = 11
  case readIndexReply = 12
  case ping = 32
  case pong = 33
  case forward = 34
  case forwardReply = 35
  case digest = 36
  case diverged = 37
  case changeForward = 38
  case changeReply = 39
  case roomQuery = 40
  case roomReply = 41

  static let installSnapshot: UInt8 = 9
}

extension PeerMessage {
  /// The payload of the message's frame, or what its pieces are cut from.
  func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: byteEstimate)
    switch self {
    case .raft(let message): message.encode(into: &writer)
    case .ping(let instant):
      writer.write(MessageKind.ping.rawValue)
      writer.write(instant)
    case .pong(let instant):
      writer.write(MessageKind.pong.rawValue)
      writer.write(instant)
    case .forward(let forward):
      writer.write(MessageKind.forward.rawValue)
      forward.encode(into: &writer)
    case .forwardReply(let reply):
      writer.write(MessageKind.forwardReply.rawValue)
      reply.encode(into: &writer)
    case .changeForward(let forward):
      writer.write(MessageKind.changeForward.rawValue)
      forward.encode(into: &writer)
    case .changeReply(let reply):
      writer.write(MessageKind.changeReply.rawValue)
      reply.encode(into: &writer)
    case .digest(let report):
      writer.write(MessageKind.digest.rawValue)
      report.encode(into: &writer)
    case .diverged(let divergence):
      writer.write(MessageKind.diverged.rawValue)
      divergence.encode(into: &writer)
    case .roomQuery: writer.write(MessageKind.roomQuery.rawValue)
    case .roomReply(hasRoom: let hasRoom):
      writer.write(MessageKind.roomReply.rawValue)
      writer.write(hasRoom)
    }
    return writer.bytes
  }

  init(decoding payload: [UInt8]) throws(WireError) {
    if payload.first == MessageKind.installSnapshot { throw .snapshotWithoutStream }
    do throws(CodingError) {
      var reader = ByteReader(payload)
      guard let kind = MessageKind(rawValue: try reader.readUInt8()) else {
        throw .malformed(field: "message.kind")
      }
      self = try PeerMessage(kind, from: &reader)
      try reader.finish()
    } catch {
      throw .malformed(error)
    }
  }

  private init(
    _ kind: MessageKind, from reader: inout ByteReader
  ) throws(CodingError) {
    switch kind {
    case .ping: self = .ping(try reader.readInstant())
    case .pong: self = .pong(try reader.readInstant())
    case .forward: self = .forward(try Forward(from: &reader))
    case .forwardReply: self = .forwardReply(try ForwardReply(from: &reader))
    case .changeForward: self = .changeForward(try ChangeForward(from: &reader))
    case .changeReply: self = .changeReply(try ChangeReply(from: &reader))
    case .digest: self = .digest(try DigestReport(from: &reader))
    case .diverged: self = .diverged(try Divergence(from: &reader))
    case .roomQuery: self = .roomQuery
    case .roomReply: self = .roomReply(hasRoom: try reader.readFlag())
    case .preVote, .preVoteReply, .requestVote, .voteReply, .appendEntries, .appendReply,
      .heartbeat, .heartbeatReply, .timeoutNow, .readIndex, .readIndexReply:
      let term = try reader.readTerm()
      let body = try Message.Body(kind, term: term, from: &reader)
      self = .raft(Message(term: term, body: body))
    }
  }

  /// About what the message takes on the wire.
  var byteEstimate: Int {
    switch self {
    case .raft(let message):
      if case .appendEntries(let append) = message.body {
        append.entries.reduce(64) { $0 + $1.byteCount }
      } else {
        64
      }
    case .ping, .pong: 16
    case .forward(let forward): forward.proposals.reduce(64) { $0 + $1.command.count + 16 }
    case .forwardReply(let reply): 64 + 32 * reply.verdicts.count
    case .changeForward(let forward): 64 + forward.change.byteEstimate
    case .changeReply: 64
    case .digest(let report): 80 + 24 * report.mark.ranges.count
    case .diverged: 40
    case .roomQuery, .roomReply: 16
    }
  }

  /// The first protocol that knows it: who speaks an earlier one would end the connection.
  var protocolNeeded: UInt32 {
    switch self {
    case .roomQuery, .roomReply: 3
    case .raft, .ping, .pong, .forward, .forwardReply, .changeForward, .changeReply, .digest,
      .diverged:
      1
    }
  }

  /// Whether it is short and must not wait. Appends and forwards keep their order among
  /// themselves instead: one that overtakes another is refused by its receiver.
  var isUrgent: Bool {
    switch self {
    case .raft(let message):
      if case .appendEntries = message.body { false } else { true }
    case .ping, .pong, .forwardReply, .changeForward, .changeReply, .roomQuery, .roomReply: true
    case .forward, .digest, .diverged: false
    }
  }
}

extension Forward {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.write(term)
    writer.write(boot.number)
    writer.write(number)
    writer.write(count: proposals.count)
    for proposal in proposals {
      writer.write(proposal.id.number)
      writer.write(proposal.isGrowing)
      writer.write(counted: proposal.command)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let term = try reader.readTerm()
    let boot = Boot(try reader.readUInt64())
    let number = try reader.readUInt64()
    let count = try reader.readCount(each: 13)
    var proposals: [ForwardedProposal] = []
    proposals.reserveCapacity(count)
    for _ in 0..<count {
      let id = RequestID(try reader.readUInt64())
      let isGrowing = try reader.readFlag()
      let command = try reader.readCounted()
      proposals.append(ForwardedProposal(id: id, command: command, isGrowing: isGrowing))
    }
    self.init(term: term, boot: boot, number: number, proposals: proposals)
  }
}

extension ForwardReply {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.write(boot.number)
    writer.write(count: verdicts.count)
    for verdict in verdicts {
      writer.write(verdict.id.number)
      switch verdict.outcome {
      case .appended(let entry):
        writer.write(0 as UInt8)
        entry.encode(into: &writer)
      case .refused(let refusal): refusal.encode(into: &writer)
      }
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let boot = Boot(try reader.readUInt64())
    let count = try reader.readCount(each: 9)
    var verdicts: [Verdict] = []
    verdicts.reserveCapacity(count)
    for _ in 0..<count {
      let id = RequestID(try reader.readUInt64())
      let code = try reader.readUInt8()
      let outcome: Verdict.Outcome =
        code == 0
        ? .appended(try reader.readEntryID())
        : .refused(try ForwardRefusal(code, from: &reader))
      verdicts.append(Verdict(id: id, outcome: outcome))
    }
    self.init(boot: boot, verdicts: verdicts)
  }
}

extension ForwardRefusal {
  func encode(into writer: inout ByteWriter) {
    switch self {
    case .notLeader(let leader):
      writer.write(1 as UInt8)
      writer.write(leader?.number)
    case .transferring: writer.write(2 as UInt8)
    case .tooManyRequests: writer.write(3 as UInt8)
    case .noSpace: writer.write(4 as UInt8)
    case .inquorate: writer.write(5 as UInt8)
    case .shuttingDown: writer.write(6 as UInt8)
    case .requestTooLarge: writer.write(7 as UInt8)
    }
  }

  init(
    _ code: UInt8, from reader: inout ByteReader
  ) throws(CodingError) {
    switch code {
    case 1: self = .notLeader(leader: try reader.readOptional().map(MemberID.init))
    case 2: self = .transferring
    case 3: self = .tooManyRequests
    case 4: self = .noSpace
    case 5: self = .inquorate
    case 6: self = .shuttingDown
    case 7: self = .requestTooLarge
    case _: throw .malformed(field: "forwardReply.outcome")
    }
  }
}
