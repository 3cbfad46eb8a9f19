import QuorateClient
import EtcdAPI

/// Why a command ends without having done its work: one sentence, what explains it, and the code.
struct CommandFailure: Error, Equatable {
  var exit: ClientExit
  /// Printed after `Error: `, as etcdctl does.
  var text: String
  /// Printed below it, one line each.
  var details: [String] = []

  init(_ exit: ClientExit, _ text: String, details: [String] = []) {
    self.exit = exit
    self.text = text
    self.details = details
  }

  static func unsupported(_ format: OutputFormat) -> CommandFailure {
    CommandFailure(.badFeature, "\(format.rawValue) not supported as output format")
  }
}

extension CommandFailure {
  init(_ error: ClientError) {
    switch error {
    case .server(let failure):
      self.init(Self.exit(failure), failure.status.text)
    case .refused(let failure):
      self.init(Self.exit(failure), failure.status.text, details: Self.details(failure))
    case .outcomeUnknown(let failure):
      let details =
        failure.why == nil
        ? [
          "at        \(failure.endpoint)",
          "outcome   unknown: the command may have been carried out",
          "next      read the key before sending the command again",
        ] : Self.details(failure)
      self.init(.outcomeUnknown, failure.status.text, details: details)
    case .timedOut(let failure):
      self.init(.timedOut, failure.status.text, details: ["at        \(failure.endpoint)"])
    case .unreachable(let failures):
      self.init(
        .badConnection, "no endpoint could be reached",
        details: failures.map { "\($0.endpoint): \($0.status.text)" })
    }
  }

  /// The reason that a Quorate member gives; etcd gives none.
  private static func details(_ failure: CallFailure) -> [String] {
    guard let why = failure.why else { return ["at        \(failure.endpoint)"] }
    return [
      "at        \(failure.endpoint)", "rule      \(name(why.rule))",
      "evidence  \(why.evidence)", "works     \(why.stillWorks)", "next      \(why.nextStep)",
    ]
  }

  private static func exit(_ failure: CallFailure) -> ClientExit {
    guard let why = failure.why else {
      switch failure.status {
      case .noLeader, .leaderChanged: return .noLeader
      case .tooManyRequests: return .overloaded
      case .noSpace: return .noSpace
      case .stopped: return .notServing
      default: return .failed
      }
    }
    switch why.rule {
    case .inquorate: return .inquorate
    case .noLeader, .leaderUnreachable, .leaderChanged, .notLeader, .applyBehind: return .noLeader
    case .outcomeUnknown: return .outcomeUnknown
    case .tooStale: return .tooStale
    case .overloaded: return .overloaded
    case .noSpace: return .noSpace
    case .stopping, .forming, .poisoned, .corrupt: return .notServing
    case .tooLarge, .membership, .other: return .failed
    }
  }

  private static func name(_ rule: Why.Rule) -> String {
    switch rule {
    case .other: "of a newer version"
    case .inquorate: "quorum: more than half of the voters must answer"
    case .noLeader: "leader: only a leader orders writes and confirms reads"
    case .outcomeUnknown: "outcome: what was appended is never called refused"
    case .tooStale: "staleness: no answer is older than the request accepts"
    case .overloaded: "limits: what is under way is bounded"
    case .noSpace: "space: a full store takes nothing that makes it grow"
    case .stopping: "shutdown: what is new is refused, what is under way is finished"
    case .forming: "formation: a new store waits for all of its first members"
    case .leaderChanged, .notLeader: "leader: only the present leader appends"
    case .leaderUnreachable: "leader: a read is confirmed by the leader"
    case .applyBehind: "linearizable reads: what was acknowledged before must be applied here"
    case .corrupt: "digests: a member whose state is not that of the majority serves nothing"
    case .poisoned: "query of death: an entry that ends its member twice is not applied again"
    case .tooLarge: "limits: a request has a greatest size"
    case .membership: "membership: a change must fit the members as they are"
    }
  }
}
