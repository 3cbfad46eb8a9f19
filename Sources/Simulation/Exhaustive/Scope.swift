public import Raft

/// How small the world is that `Explorer` walks through completely.
///
/// Within it everything happens that can: any order of messages, any message lost, members that
/// stop and start again from their disks, clocks that run as they like.
public struct Scope: Hashable, Sendable {
  /// When what a member writes is on its disk.
  public enum Disks: Hashable, Sendable {
    /// Whenever it likes, oldest first; a crash forgets the rest.
    case slow
    /// Before anything else happens: fewer states, for what no slow disk is needed for.
    case prompt
  }

  /// How members ask whether they would be elected.
  public enum PreVotes: Hashable, Sendable {
    /// By messages like all others.
    case messages
    /// Question and answers in one move: nothing changes at those who are asked. And a member falls
    /// silent only when that lets another one be elected.
    case atOnce
  }

  /// What a shell around the core does wrong; for tests of the explorer itself.
  public enum Shell: Hashable, Sendable {
    case sound
    /// Sends what lies inside a write before the write is on disk.
    case sendsPromisesEarly
    /// Keeps the term over a crash, but not the vote (hashicorp/raft#661).
    case forgetsVotes
    /// Says that the state is on disk, and it is not.
    case forgetsState
  }

  /// Wishes for other members that a leader may get.
  public enum Change: Hashable, Sendable {
    /// Any one member leaves.
    case remove
    /// A learner becomes a voter.
    case promote
    /// A learner takes a voter's place, by joint consensus.
    case replace
  }

  public var name: String
  /// In a sentence, for those who run it.
  public var summary: String
  public var voters = 3
  public var learners = 0
  /// Nobody stands for a later term.
  public var terms: UInt64 = 2
  /// How often any member stops and starts again.
  public var crashes = 0
  /// How often a message arrives once more.
  public var duplicates = 0
  /// Rounds of heartbeats beside those that come by themselves.
  public var heartbeats = 0
  /// Commands from clients.
  public var proposals = 0
  /// How many wishes for other members, and which.
  public var changes = 0
  public var changeKinds: [Change] = []
  /// Linearizable reads, asked of any member.
  public var reads = 0
  /// How often a member's state reaches its disk and its log is cut behind it, so that who lacks
  /// what is gone needs a snapshot.
  public var cuts = 0
  public var disks = Disks.slow
  /// A state machine moves to an installed snapshot whenever it likes, even where disks are prompt.
  public var movesLater = false
  public var preVotes = PreVotes.messages
  /// Heartbeats are lost, all of them; what they carry travels with entries too.
  public var losesHeartbeats = false
  /// A message of an earlier term than its receiver's is lost.
  public var losesStale = false
  public var shell = Shell.sound
  public var invariants = Invariant.allCases
  /// `nil`: until there is nothing new.
  public var depthLimit: Int?
  public var settings = RaftSettings()

  public init(name: String, summary: String, _ adjust: (inout Scope) -> Void = { _ in }) {
    self.name = name
    self.summary = summary
    // One entry in a message: what two could tell at once, one can lose.
    settings.appendLimitBytes = 1
    settings.retainedEntries = 0
    adjust(&self)
    precondition((1...5).contains(memberCount), "\(memberCount) members are not a small scope")
  }

  public var memberCount: Int { voters + learners }

  var ids: [MemberID] { (1...UInt64(memberCount)).map { MemberID($0) } }

  var base: LogBase {
    let members = ids.map { id in
      Configuration.Member(
        id: id, incarnation: Incarnation(1), role: id.number <= UInt64(voters) ? .voter : .learner,
        name: "", peerURLs: [])
    }
    return LogBase(last: .zero, configuration: Configuration(members: members))
  }

  /// Every wish that a leader may get, in a fixed order.
  var allChanges: [ConfigurationChange] {
    let voterIDs = ids.prefix(voters)
    let learnerIDs = ids.dropFirst(voters)
    return changeKinds.flatMap { kind -> [ConfigurationChange] in
      switch kind {
      case .remove: ids.map { .remove($0) }
      case .promote: learnerIDs.map { .promote($0) }
      case .replace:
        voterIDs.flatMap { leaving in
          learnerIDs.map { .setVoters(voterIDs.filter { $0 != leaving } + [$0]) }
        }
      }
    }
  }
}
