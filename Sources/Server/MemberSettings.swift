public import Handlers
public import Host
import Foundation
import Raft
public import Logging
public import Member
public import Replica
public import Services
public import Storage
import Transport

/// Everything that a member is told by its flags, read and checked.
public struct MemberSettings: Sendable {
  public enum LogFormat: String, CaseIterable, Sendable { case text, json }

  public var name = "default"
  public var dataDirectory = "default.quorate"
  public var listenClientURLs = [MemberURL(host: "localhost", port: 2379)]
  /// Empty: as listened.
  public var advertiseClientURLs: [MemberURL] = []
  public var listenPeerURLs = [MemberURL(host: "localhost", port: 2380)]
  public var initialCluster: InitialCluster
  /// The store is there already: without a data directory this member joins it, and with one the
  /// list of members is only where to ask.
  public var joins = false
  /// A member that was wiped asks for a new place by itself.
  public var rejoins = false
  /// Forget which entry ended this member, and try to apply it once more.
  public var appliesAgain = false
  public var replica = ReplicaSettings()
  public var storage = StorageSettings()
  public var requests = RequestLimits()
  public var watches = WatchSettings()
  public var locks = LockSettings()
  public var scrub = ScrubPace()
  public var logFormat = LogFormat.text
  public var logLevel = Logger.Level.info
  /// The link switch and the lab's pages are there.
  public var isLab = false
  /// A kill is a power loss: the next start takes back what was not synced.
  public var isDiskVolatile = false
  /// Lines for the log at start: warnings about flags.
  public var remarks: [String] = []

  public init(initialCluster: InitialCluster) { self.initialCluster = initialCluster }

  /// What a request waits when its client names no deadline (etcd config.go `ReqTimeout`).
  public var requestTimeout: Duration { .seconds(5) + replica.raft.electionTimeout * 2 }

  /// *Throws* what cannot be meant.
  public func check() throws(ServerExit) {
    let (heartbeat, election) = (replica.raft.heartbeatInterval, replica.raft.electionTimeout)
    guard heartbeat > .zero else {
      throw .badFlags("--heartbeat-interval must be above zero")
    }
    // etcd config.go: an election must outlast a few lost heartbeats.
    guard election >= heartbeat * 5 else {
      throw .badFlags("--election-timeout must be at least five times --heartbeat-interval")
    }
    guard election <= .seconds(50) else {
      throw .badFlags("--election-timeout must be at most 50000 ms")
    }
    guard !listenClientURLs.isEmpty, !listenPeerURLs.isEmpty else {
      throw .badFlags("a member listens for clients and for peers")
    }
    guard initialCluster.member(named: name) != nil else {
      throw .wrongInitialCluster("it does not name this member, \(name)")
    }
  }
}

extension InitialCluster {
  /// How many members a cluster may have.
  public static let sizes = 1...7
  /// Voters, learners and spares.
  private static let listLimit = 16

  /// Reads `--initial-cluster` (`n1=http://…,n2=http://…`); a name that stands twice has several
  /// URLs, as in etcd.
  ///
  /// *Throws* `ServerExit.badFlags`.
  public static func parse(
    _ text: String, token: String, joining: Bool = false
  ) throws(ServerExit) -> InitialCluster {
    let flag = "--initial-cluster"
    var named: [(name: String, peerURLs: [String])] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: "="), equals > part.startIndex else {
        throw .badFlags("\(flag): \"\(part)\" is not name=http://host:port")
      }
      let name = String(part[..<equals])
      let url = try MemberURL(parsing: String(part[part.index(after: equals)...]), flag: flag)
      if let index = named.firstIndex(where: { $0.name == name }) {
        named[index].peerURLs.append(url.description)
      } else {
        named.append((name, [url.description]))
      }
    }
    guard sizes.contains(named.count) || joining && named.count <= listLimit else {
      throw .badFlags("\(flag): a cluster has 1 to 7 members, not \(named.count)")
    }
    do throws(Failure) {
      return try InitialCluster(token: token, members: named)
    } catch {
      throw .badFlags("\(flag): \(sentence(error))")
    }
  }

  private static func sentence(_ failure: Failure) -> String {
    switch failure {
    case .noMembers: "it names nobody"
    case .emptyName: "a name is empty"
    case .duplicateName(let name): "\(name) stands there twice"
    case .noPeerURL(let name): "\(name) has no URL"
    case .duplicatePeerURL(let url): "\(url) stands there twice"
    case .idCollision(let one, let other):
      "\(one) and \(other) get the same id; choose another --initial-cluster-token"
    }
  }

  /// A warning for a size that bears no more losses than one member less would; `nil`: odd.
  public var sizeWarning: String? {
    let count = members.count
    guard count.isMultiple(of: 2) else { return nil }
    return "\(count) members bear the loss of \((count - 1) / 2), as \(count - 1) do: "
      + "an even size only makes a majority harder to reach"
  }
}

extension MemberSettings {
  /// What the lanes and the replica's loop are to know.
  var host: HostSettings {
    HostSettings(
      name: name, dataDirectory: dataDirectory, initialCluster: initialCluster, joins: joins,
      rejoins: rejoins, appliesAgain: appliesAgain, replica: replica, storage: storage,
      scrub: scrub, isLab: isLab, isDiskVolatile: isDiskVolatile,
      advertisedClientURLs: (advertiseClientURLs.isEmpty ? listenClientURLs : advertiseClientURLs)
        .map(\.description),
      requestTimeout: requestTimeout)
  }

  /// What the handlers of clients' calls are to know.
  var handlers: HandlerSettings {
    HandlerSettings(
      name: name, founders: initialCluster.members.count, replica: replica, requests: requests,
      watches: watches, locks: locks, requestTimeout: requestTimeout)
  }
}
