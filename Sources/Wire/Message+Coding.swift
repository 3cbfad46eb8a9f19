import Base
import Raft

extension Message {
  /// Kind, term, then what the kind carries.
  /// *Precondition*: no InstallSnapshot, which never travels as a message.
  func encode(into writer: inout ByteWriter) {
    writer.write(body.kind.rawValue)
    writer.write(term)
    switch body {
    case .preVote(let request): request.lastEntry.encode(into: &writer)
    case .preVoteReply(let reply), .voteReply(let reply): writer.write(reply.granted)
    case .requestVote(let request):
      request.lastEntry.encode(into: &writer)
      writer.write(request.isTransfer)
    case .appendEntries(let append): append.encode(into: &writer)
    case .appendReply(let reply): reply.encode(into: &writer)
    case .heartbeat(let heartbeat):
      writer.write(heartbeat.round)
      writer.write(heartbeat.commitIndex)
    case .heartbeatReply(let reply): writer.write(reply.round)
    case .installSnapshot, .timeoutNow: break
    case .readIndex(let request): writer.write(request.id.number)
    case .readIndexReply(let reply):
      writer.write(reply.id.number)
      writer.write(reply.index?.number)
    }
  }
}

extension Message.Body {
  fileprivate var kind: MessageKind {
    switch self {
    case .preVote: .preVote
    case .preVoteReply: .preVoteReply
    case .requestVote: .requestVote
    case .voteReply: .voteReply
    case .appendEntries: .appendEntries
    case .appendReply: .appendReply
    case .heartbeat: .heartbeat
    case .heartbeatReply: .heartbeatReply
    case .installSnapshot(let install):
      preconditionFailure("the snapshot at \(install.base.last) has no stream")
    case .timeoutNow: .timeoutNow
    case .readIndex: .readIndex
    case .readIndexReply: .readIndexReply
    }
  }

  init(
    _ kind: MessageKind, term: Term, from reader: inout ByteReader
  ) throws(CodingError) {
    switch kind {
    case .preVote: self = .preVote(PreVote(lastEntry: try reader.readEntryID()))
    case .preVoteReply: self = .preVoteReply(VoteReply(granted: try reader.readFlag()))
    case .requestVote:
      let last = try reader.readEntryID()
      self = .requestVote(RequestVote(lastEntry: last, isTransfer: try reader.readFlag()))
    case .voteReply: self = .voteReply(VoteReply(granted: try reader.readFlag()))
    case .appendEntries: self = .appendEntries(try AppendEntries(term: term, from: &reader))
    case .appendReply: self = .appendReply(try AppendReply(from: &reader))
    case .heartbeat:
      let round = try reader.readUInt64()
      self = .heartbeat(Heartbeat(round: round, commitIndex: try reader.readLogIndex()))
    case .heartbeatReply: self = .heartbeatReply(HeartbeatReply(round: try reader.readUInt64()))
    case .timeoutNow: self = .timeoutNow
    case .readIndex: self = .readIndex(ReadIndex(id: ReadID(try reader.readUInt64())))
    case .readIndexReply:
      let id = ReadID(try reader.readUInt64())
      let index = try reader.readFlag() ? try reader.readLogIndex() : nil
      self = .readIndexReply(ReadIndexReply(id: id, index: index))
    case .ping, .pong, .forward, .forwardReply, .digest, .diverged, .changeForward, .changeReply,
      .roomQuery, .roomReply:
      preconditionFailure("\(kind) is no message of the core")
    }
  }
}

extension AppendEntries {
  fileprivate func encode(into writer: inout ByteWriter) {
    previous.encode(into: &writer)
    writer.write(commitIndex)
    writer.write(count: entries.count)
    for entry in entries { entry.encode(into: &writer) }
  }

  /// *Throws* also for entries that cannot follow each other or are newer than their message: a
  /// message that exists is well formed.
  fileprivate init(
    term: Term, from reader: inout ByteReader
  ) throws(CodingError) {
    let previous = try reader.readEntryID()
    let commitIndex = try reader.readLogIndex()
    let count = try reader.readCount(each: 18)
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    var last = previous
    for _ in 0..<count {
      let entry = try Entry(from: &reader)
      guard entry.index == last.index.next, entry.term >= last.term, entry.term <= term else {
        throw .malformed(field: "appendEntries.entries")
      }
      entries.append(entry)
      last = entry.id
    }
    self.init(previous: previous, entries: entries, commitIndex: commitIndex)
  }
}

extension AppendReply {
  fileprivate func encode(into writer: inout ByteWriter) {
    switch result {
    case .accepted(let match):
      writer.write(0 as UInt8)
      match.encode(into: &writer)
    case .rejected(let previous, let hint):
      writer.write(1 as UInt8)
      writer.write(previous)
      hint.encode(into: &writer)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    switch try reader.readUInt8() {
    case 0: self.init(.accepted(match: try reader.readEntryID()))
    case 1:
      let previous = try reader.readLogIndex()
      self.init(.rejected(previous: previous, hint: try reader.readEntryID()))
    case _: throw .malformed(field: "appendReply.result")
    }
  }
}
