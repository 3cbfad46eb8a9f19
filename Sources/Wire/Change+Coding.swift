import Base
import Raft
import Replica

extension ChangeForward {
  func encode(into writer: inout ByteWriter) {
    writer.write(term)
    writer.write(boot.number)
    writer.write(number)
    writer.write(id.number)
    change.encode(into: &writer)
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    let term = try reader.readTerm()
    let boot = Boot(try reader.readUInt64())
    let number = try reader.readUInt64()
    let id = RequestID(try reader.readUInt64())
    self.init(
      term: term, boot: boot, number: number, id: id,
      change: try ConfigurationChange(from: &reader))
  }
}

extension ChangeReply {
  func encode(into writer: inout ByteWriter) {
    writer.write(boot.number)
    writer.write(id.number)
    switch outcome {
    case .appended(let entry):
      writer.write(0 as UInt8)
      entry.encode(into: &writer)
    case .refused(let refusal): refusal.encode(into: &writer)
    case .denied(let denial):
      writer.write(Self.denied)
      denial.encode(into: &writer)
    }
  }

  /// Below it are the refusals of forwards.
  private static let denied: UInt8 = 64

  init(from reader: inout ByteReader) throws(CodingError) {
    let boot = Boot(try reader.readUInt64())
    let id = RequestID(try reader.readUInt64())
    let outcome: Outcome
    switch try reader.readUInt8() {
    case 0: outcome = .appended(try reader.readEntryID())
    case Self.denied: outcome = .denied(try MembershipRefusal(from: &reader))
    case let code: outcome = .refused(try ForwardRefusal(code, from: &reader))
    }
    self.init(boot: boot, id: id, outcome: outcome)
  }
}

extension MembershipRefusal {
  /// A number is never given twice.
  private static let reasons: [(code: UInt8, reason: ConfigurationRefusal)] = [
    (16, .changeInProgress), (17, .termNotCommitted), (18, .memberExists), (19, .memberNotFound),
    (20, .peerURLExists), (21, .notALearner), (22, .notAVoter), (23, .learnerBehind),
    (24, .noVoters),
  ]

  fileprivate func encode(into writer: inout ByteWriter) {
    switch self {
    case .configuration(let reason):
      guard let row = Self.reasons.first(where: { $0.reason == reason }) else {
        preconditionFailure("\(reason) has no number")
      }
      writer.write(row.code)
    case .notEnoughStarted: writer.write(1 as UInt8)
    case .unreached(let members):
      writer.write(2 as UInt8)
      writer.write(count: members.count)
      for member in members { writer.write(member.number) }
    case .tooManyLearners(let limit):
      writer.write(3 as UInt8)
      writer.write(count: limit)
    case .tooManyVoters(let limit):
      writer.write(4 as UInt8)
      writer.write(count: limit)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    switch try reader.readUInt8() {
    case 1: self = .notEnoughStarted
    case 2:
      var members: [MemberID] = []
      for _ in 0..<(try reader.readCount(each: 8)) { members.append(try reader.readMemberID()) }
      self = .unreached(members)
    case 3: self = .tooManyLearners(limit: Int(try reader.readUInt32()))
    case 4: self = .tooManyVoters(limit: Int(try reader.readUInt32()))
    case let code:
      guard let row = Self.reasons.first(where: { $0.code == code }) else {
        throw .malformed(field: "changeReply.denial")
      }
      self = .configuration(row.reason)
    }
  }
}

extension ConfigurationChange {
  func encode(into writer: inout ByteWriter) {
    switch self {
    case .addLearner(let member):
      writer.write(1 as UInt8)
      Configuration(members: [member]).encode(into: &writer)
    case .promote(let id):
      writer.write(2 as UInt8)
      writer.write(id.number)
    case .remove(let id):
      writer.write(3 as UInt8)
      writer.write(id.number)
    case .update(let id, peerURLs: let urls):
      writer.write(4 as UInt8)
      writer.write(id.number)
      writer.write(strings: urls)
    case .setVoters(let voters):
      writer.write(5 as UInt8)
      writer.write(count: voters.count)
      for voter in voters { writer.write(voter.number) }
    case .introduce(let introductions):
      writer.write(6 as UInt8)
      writer.write(count: introductions.count)
      for introduction in introductions { introduction.encode(into: &writer) }
    case .exchange(voter: let voter, learner: let learner, stays: let prospect):
      writer.write(7 as UInt8)
      writer.write(voter.number)
      writer.write(learner.number)
      writer.write(prospect != nil)
      prospect?.encode(into: &writer)
    case .renew(let id, as: let member):
      writer.write(8 as UInt8)
      writer.write(id.number)
      Configuration(members: [member]).encode(into: &writer)
    }
  }

  init(from reader: inout ByteReader) throws(CodingError) {
    switch try reader.readUInt8() {
    case 1: self = .addLearner(try reader.readMember())
    case 2: self = .promote(try reader.readMemberID())
    case 3: self = .remove(try reader.readMemberID())
    case 4:
      let id = try reader.readMemberID()
      self = .update(id, peerURLs: try reader.readAddresses(field: "change.peerURLs"))
    case 5:
      var voters: [MemberID] = []
      for _ in 0..<(try reader.readCount(each: 8)) { voters.append(try reader.readMemberID()) }
      self = .setVoters(voters)
    case 6:
      var introductions: [Introduction] = []
      for _ in 0..<(try reader.readCount(each: 24)) {
        introductions.append(try Introduction(from: &reader))
      }
      self = .introduce(introductions)
    case 7:
      let voter = try reader.readMemberID()
      let learner = try reader.readMemberID()
      let stays = try reader.readFlag() ? try Configuration.Prospect(from: &reader) : nil
      self = .exchange(voter: voter, learner: learner, stays: stays)
    case 8:
      let id = try reader.readMemberID()
      self = .renew(id, as: try reader.readMember())
    case _: throw .malformed(field: "change.kind")
    }
  }

  var byteEstimate: Int {
    switch self {
    case .addLearner(let member), .renew(_, as: let member):
      member.peerURLs.reduce(64) { $0 + $1.utf8.count + 4 }
    case .update(_, peerURLs: let urls): urls.reduce(16) { $0 + $1.utf8.count + 4 }
    case .promote, .remove, .exchange: 32
    case .setVoters(let voters): 8 * voters.count + 8
    case .introduce(let introductions): 256 * introductions.count
    }
  }
}

extension Introduction {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.write(id.number)
    writer.write(incarnation.number)
    writer.write(name)
    writer.write(strings: clientURLs)
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let id = try reader.readMemberID()
    let incarnation = Incarnation(try reader.readUInt64())
    let name = try reader.readString(field: "introduction.name")
    let urls = try reader.readStrings(field: "introduction.clientURLs")
    self.init(id: id, incarnation: incarnation, name: name, clientURLs: urls)
  }
}

// MARK: Before a member is one

extension JoinQuery {
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(readsFounding ? Hello.newestProtocol : 2)
    writer.write(name)
    writer.write(strings: peerURLs)
    writer.write(wantsReplacement)
    return writer.bytes
  }

  init(decoding payload: [UInt8]) throws(WireError) {
    do throws(CodingError) {
      var reader = ByteReader(payload)
      let newestProtocol = try reader.readUInt32()
      let name = try reader.readString(field: "joinQuery.name")
      let urls = try reader.readAddresses(field: "joinQuery.peerURLs")
      let wantsReplacement = try reader.readFlag()
      if newestProtocol <= Hello.newestProtocol { try reader.finish() }
      self.init(
        name: name, peerURLs: urls, wantsReplacement: wantsReplacement,
        readsFounding: newestProtocol > 2)
    } catch {
      throw .malformed(error)
    }
  }
}

extension JoinAnswer {
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .unknown: writer.write(0 as UInt8)
    case .notFormed: writer.write(1 as UInt8)
    case .taken(let member):
      writer.write(2 as UInt8)
      writer.write(member.number)
    case .place(let place):
      writer.write(3 as UInt8)
      writer.write(place.cluster.number)
      writer.write(place.member.number)
      place.configuration.encode(into: &writer)
      // An asker of protocol 2 reads nothing after it; a member of that protocol says nothing.
      if place.founding.isKnown { place.founding.encode(into: &writer) }
    }
    return writer.bytes
  }

  init(decoding payload: [UInt8]) throws(WireError) {
    do throws(CodingError) {
      var reader = ByteReader(payload)
      switch try reader.readUInt8() {
      case 0: self = .unknown
      case 1: self = .notFormed
      case 2: self = .taken(try reader.readMemberID())
      case 3:
        let cluster = ClusterID(try reader.readUInt64())
        let member = try reader.readMemberID()
        let configuration = try Configuration(from: &reader)
        guard configuration[member] != nil else { throw .malformed(field: "place.member") }
        let founding = reader.remaining == 0 ? .unknown : try Founding(from: &reader)
        self = .place(
          Place(
            cluster: cluster, member: member, configuration: configuration, founding: founding))
      case _: throw .malformed(field: "joinAnswer.kind")
      }
      try reader.finish()
    } catch {
      throw .malformed(error)
    }
  }
}

extension ByteWriter {
  fileprivate mutating func write(strings: [String]) {
    write(count: strings.count)
    for string in strings { write(string) }
  }
}

extension ByteReader {
  /// At least one.
  fileprivate mutating func readAddresses(
    field: String
  ) throws(CodingError) -> [String] {
    let urls = try readStrings(field: field)
    guard !urls.isEmpty else { throw .malformed(field: field) }
    return urls
  }

  fileprivate mutating func readMember() throws(CodingError) -> Configuration.Member {
    let configuration = try Configuration(from: &self)
    guard configuration.members.count == 1 else { throw .malformed(field: "change.member") }
    return configuration.members[0]
  }
}
