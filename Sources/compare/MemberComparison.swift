import Base
import EtcdAPI
import NIOCore
import RPC

/// Sends generated requests about the members to two stores of one member each, and compares the
/// answers with every id replaced by what it stands for.
///
/// Not sent: what ends etcd 3.5.1 or makes it stop serving (a voter that never comes, an update to
/// an address that is none). After an update of a learner, which etcd 3.5.1 then takes for a voter,
/// the learner is removed from both at once.
struct MemberComparison {
  /// Who is meant, in either store.
  private enum Subject: Hashable {
    case own
    /// The member that the n-th addition made.
    case added(Int)
    case nobody(UInt64)
  }

  private enum Call: CustomStringConvertible {
    case add([String], isLearner: Bool)
    case remove(Subject)
    case update(Subject, [String])
    case promote(Subject)
    case list(isLinearizable: Bool)
    case moveLeader(Subject)

    var description: String {
      switch self {
      case .add(let urls, let isLearner): "add \(isLearner ? "learner " : "")\(urls)"
      case .remove(let subject): "remove \(subject)"
      case .update(let subject, let urls): "update \(subject) \(urls)"
      case .promote(let subject): "promote \(subject)"
      case .list(let isLinearizable): "list\(isLinearizable ? "" : " (serializable)")"
      case .moveLeader(let subject): "move leader to \(subject)"
      }
    }
  }

  /// One of the two stores.
  private struct Store {
    var connection: RPCConnection
    var own: EtcdMember
    /// Ids by the number of their addition.
    var added: [Int: UInt64] = [:]

    func id(_ subject: Subject) -> UInt64 {
      switch subject {
      case .own: own.id
      case .added(let number): added[number] ?? 0
      case .nobody(let id): id
      }
    }

    /// The URL of the store's own member is another in each.
    func urls(_ texts: [String]) -> [String] {
      texts.map { $0 == MemberComparison.ownURL ? own.peerUrls[0] : $0 }
    }
  }

  fileprivate static let ownURL = "OWN"

  private(set) var calls = 0
  private(set) var refusals = 0
  private(set) var updatesOfLearners = 0
  private(set) var differences: [String] = []
  private var stores: [Store] = []
  private var dice: SplitMix64
  private var additions = 0
  /// Additions whose member is there now.
  private var present: [Int] = []

  init(_ connections: [RPCConnection], seed: UInt64) async {
    dice = SplitMix64(seed: seed &+ 2)
    for connection in connections {
      let request = EtcdMemberListRequest.make { $0.linearizable = true }
      let outcome = await connection.call(
        EtcdMethod.Cluster.memberList, request.encodedBytes, timeout: .seconds(30))
      guard let body = outcome.message,
        let list = try? EtcdMemberListResponse(decoding: Array(body.readableBytesView)),
        list.members.count == 1
      else { Compare.stop("a store has not exactly one member at first") }
      stores.append(Store(connection: connection, own: list.members[0]))
    }
  }

  mutating func playCall() async {
    let call = draw()
    calls += 1
    if case .add = call { additions += 1 }
    var texts: [String] = []
    for index in stores.indices { texts.append(await perform(call, index)) }
    if Set(texts).count > 1 {
      differences.append("\(call)\n\(texts.joined(separator: "\n"))")
    }
    await settle(call, isRefused: texts[0].hasPrefix("refused"))
    // etcd's raft drops a change that comes before it has taken note that the last one is applied,
    // be it refused, and whoever asked waits until he gives up.
    if case .list = call { return }
    try? await Task.sleep(for: .milliseconds(20))
  }

  private mutating func settle(_ call: Call, isRefused: Bool) async {
    if isRefused {
      refusals += 1
      return
    }
    switch call {
    case .add: present.append(additions)
    case .remove(.added(let number)): present.removeAll { $0 == number }
    case .update(.added(let number), _):
      updatesOfLearners += 1
      for index in stores.indices { _ = await perform(.remove(.added(number)), index) }
      present.removeAll { $0 == number }
    case .remove, .update, .promote, .list, .moveLeader: break
    }
  }

  // MARK: Requests

  private mutating func draw() -> Call {
    switch dice.index(below: 12) {
    case 0, 1, 2: .add(drawURLs(), isLearner: true)
    case 3:
      // A voter that etcd would take is one that it then waits for.
      .add(
        dice.oneIn(2) ? [Self.ownURL] : dice.pick(Self.bad),
        isLearner: false)
    case 4, 5: .remove(drawSubject())
    case 6:
      switch drawSubject() {
      case .added(let number):
        .update(.added(number), [dice.oneIn(2) ? Self.ownURL : freshURL()])
      case let subject: .update(subject, [Self.ownURL])
      }
    case 7, 8: .promote(drawSubject())
    case 9, 10: .list(isLinearizable: dice.oneIn(2))
    case _: .moveLeader(drawSubject())
    }
  }

  private static let bad: [[String]] = [
    [], [""], ["http://"], ["http://a"], ["http://a:1/"], ["http://a:1/x"], ["ftp://a:1"], ["a:1"],
    ["http://a:x"], ["http://a:1", "nothing"],
  ]

  private mutating func drawURLs() -> [String] {
    switch dice.index(below: 6) {
    case 0: dice.pick(Self.bad)
    case 1: [Self.ownURL]
    case 2: [freshURL(), "http://[::1]:\(20_000 + calls)"]
    case 3: ["  \(freshURL())"]
    case _: [freshURL()]
    }
  }

  /// Never the same twice: etcd's ids are made of it and of the second.
  private func freshURL() -> String { "http://n\(calls).invalid:2380" }

  private mutating func drawSubject() -> Subject {
    switch dice.index(below: 4) {
    case 0: return .own
    case 1: return .nobody(dice.pick([1, 7, .max]))
    case _:
      guard !present.isEmpty else { return .nobody(99) }
      return .added(dice.pick(present))
    }
  }

  // MARK: Answers

  private mutating func perform(_ call: Call, _ index: Int) async -> String {
    let store = stores[index]
    switch call {
    case .add(let urls, let isLearner):
      let request = EtcdMemberAddRequest.make {
        $0.peerUrls = store.urls(urls)
        $0.isLearner = isLearner
      }
      let answer: Result<EtcdMemberAddResponse, Refused> = await ask(
        EtcdMethod.Cluster.memberAdd, request, index)
      guard case .success(let response) = answer else { return answer.text }
      stores[index].added[additions] = response.member.id
      return "added \(text(response.member, index)): \(text(response.members, index))"
    case .remove(let subject):
      let request = EtcdMemberRemoveRequest.make { $0.id = store.id(subject) }
      let answer: Result<EtcdMemberRemoveResponse, Refused> = await ask(
        EtcdMethod.Cluster.memberRemove, request, index)
      guard case .success(let response) = answer else { return answer.text }
      return text(response.members, index)
    case .update(let subject, let urls):
      let request = EtcdMemberUpdateRequest.make {
        $0.id = store.id(subject)
        $0.peerUrls = store.urls(urls)
      }
      let answer: Result<EtcdMemberUpdateResponse, Refused> = await ask(
        EtcdMethod.Cluster.memberUpdate, request, index)
      guard case .success(let response) = answer else { return answer.text }
      return text(response.members, index, withRoles: false)
    case .promote(let subject):
      let request = EtcdMemberPromoteRequest.make { $0.id = store.id(subject) }
      let answer: Result<EtcdMemberPromoteResponse, Refused> = await ask(
        EtcdMethod.Cluster.memberPromote, request, index)
      guard case .success(let response) = answer else { return answer.text }
      return text(response.members, index)
    case .list(let isLinearizable):
      let request = EtcdMemberListRequest.make { $0.linearizable = isLinearizable }
      let answer: Result<EtcdMemberListResponse, Refused> = await ask(
        EtcdMethod.Cluster.memberList, request, index)
      guard case .success(let response) = answer else { return answer.text }
      return "revision \(response.header.revision) \(text(response.members, index))"
    case .moveLeader(let subject):
      let request = EtcdMoveLeaderRequest.make { $0.targetID = store.id(subject) }
      let answer: Result<EtcdMoveLeaderResponse, Refused> = await ask(
        EtcdMethod.Maintenance.moveLeader, request, index)
      guard case .success(let response) = answer else { return answer.text }
      return "moved, \(response.hasHeader ? "with" : "without") a header"
    }
  }

  /// A status, in words.
  fileprivate struct Refused: Error {
    var text: String
  }

  private func ask<Response: EtcdMessage>(
    _ method: String, _ request: some EtcdMessage, _ index: Int
  ) async -> Result<Response, Refused> {
    let outcome = await stores[index].connection.call(
      method, request.encodedBytes, timeout: .seconds(30))
    guard outcome.status.code == .ok, let body = outcome.message else {
      if outcome.delivery != .answered {
        Compare.stop(
          "call \(calls), \(method), was lost by store \(index + 1): \(outcome.status.message)")
      }
      let (code, message) = (outcome.status.code, outcome.status.message)
      return .failure(Refused(text: "refused \(code) (\(code.rawValue)): \(message)"))
    }
    guard let response = try? Response(decoding: Array(body.readableBytesView)) else {
      return .failure(Refused(text: "no \(Response.self)"))
    }
    return .success(response)
  }

  /// In the order of their additions: ids are in another one in each store.
  private func text(_ members: [EtcdMember], _ index: Int, withRoles: Bool = true) -> String {
    members.map { text($0, index, withRole: withRoles) }.sorted().joined(separator: ", ")
  }

  private func text(_ member: EtcdMember, _ index: Int, withRole: Bool = true) -> String {
    let store = stores[index]
    let role = withRole && member.isLearner ? " learner" : ""
    if member.id == store.own.id { return "own \(member.clientUrls.count)\(role)" }
    let number = store.added.first { $0.value == member.id }?.key ?? additions
    return "added \(number) \"\(member.name)\" \(member.peerUrls) \(member.clientUrls)\(role)"
  }
}

extension Result where Failure == MemberComparison.Refused {
  fileprivate var text: String {
    switch self {
    case .success: "done"
    case .failure(let refused): refused.text
    }
  }
}
