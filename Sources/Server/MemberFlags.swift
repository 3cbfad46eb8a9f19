import Handlers
public import Host
import Logging
import Member
import Raft
import Replica
import Services
import Wire

/// The flags of `quorate server` as they were written; the defaults are etcd's.
public struct MemberFlags: Sendable {
  public var name = "default"
  /// `nil`: named after the member.
  public var dataDirectory: String?
  public var listenClientURLs = "http://localhost:2379"
  public var advertiseClientURLs: String?
  public var listenPeerURLs = "http://localhost:2380"
  public var initialAdvertisePeerURLs: String?
  /// `nil`: this member alone.
  public var initialCluster: String?
  public var initialClusterState = "new"
  public var initialClusterToken = "etcd-cluster"
  public var heartbeatMilliseconds = 100
  public var electionMilliseconds = 1000
  public var onQuorumLoss = "read-only"
  public var requestLimitBytes = 1_572_864
  public var transactionOperations = 128
  public var retainedEntries: UInt64 = 10_000
  public var logFormat = "text"
  public var logLevel = "info"
  public var appliesAgain = false
  public var rejoins = false
  public var isLab = false
  public var isDiskVolatile = false
  /// As etcd takes it: `10m`, `1.5s`, `100ms`.
  public var watchProgressInterval = "10m"
  /// Zero: etcd's default. Below: no bound.
  public var quotaBytes: Int64 = 0
  public var autoCompactionMode = "periodic"
  /// Hours, a time as Go writes it, or a number of revisions; zero: no compaction.
  public var autoCompactionRetention = "0"
  /// Flags of etcd that were taken out before.
  public var ignored: [String] = []

  public init() {}

  /// *Throws* the first thing that cannot be meant.
  public func settings() throws(ServerExit) -> MemberSettings {
    var settings = MemberSettings(initialCluster: try cluster())
    settings.name = name
    settings.dataDirectory = dataDirectory ?? "\(name).quorate"
    settings.listenClientURLs = try MemberURL.list(listenClientURLs, flag: "--listen-client-urls")
    settings.listenPeerURLs = try MemberURL.list(listenPeerURLs, flag: "--listen-peer-urls")
    if let urls = advertiseClientURLs {
      settings.advertiseClientURLs = try MemberURL.list(urls, flag: "--advertise-client-urls")
    }
    settings.joins = try joins()
    settings.rejoins = rejoins
    settings.replica.raft.heartbeatInterval = .milliseconds(heartbeatMilliseconds)
    settings.replica.raft.electionTimeout = .milliseconds(electionMilliseconds)
    settings.replica.raft.retainedEntries = retainedEntries
    settings.replica.quorumPolicy = try Self.choice(
      onQuorumLoss, "--on-quorum-loss", QuorumPolicy.allCases.map { ($0.flagValue, $0) })
    guard requestLimitBytes > 0, transactionOperations > 0 else {
      throw .badFlags("--max-request-bytes and --max-txn-ops must be above zero")
    }
    // One command must fit into one frame between members, with room to spare.
    guard requestLimitBytes <= WireLimits().messageBytes / 2 else {
      throw .badFlags("--max-request-bytes is at most \(WireLimits().messageBytes / 2)")
    }
    settings.requests.requestBytes = requestLimitBytes
    settings.replica.commandLimitBytes = requestLimitBytes + 512 * 1024
    settings.requests.transactionOperations = transactionOperations
    settings.logFormat = try Self.choice(
      logFormat, "--log-format", MemberSettings.LogFormat.allCases.map { ($0.rawValue, $0) })
    settings.logLevel = try Self.choice(logLevel, "--log-level", Self.levels)
    settings.appliesAgain = appliesAgain
    settings.isLab = isLab
    guard isLab || !isDiskVolatile else {
      throw .badFlags("--lab-volatile-disk is for experiments: it needs --lab")
    }
    settings.isDiskVolatile = isDiskVolatile
    settings.watches.progressInterval = try Self.duration(
      watchProgressInterval, "--experimental-watch-progress-notify-interval")
    settings.replica.quotaBytes =
      quotaBytes == 0 ? Self.standardQuotaBytes : UInt64(max(0, quotaBytes))
    settings.replica.compaction = try compaction()
    settings.remarks = ignored.map(IgnoredFlags.line(about:))
    try settings.check()
    return settings
  }

  private func joins() throws(ServerExit) -> Bool {
    try Self.choice(
      initialClusterState, "--initial-cluster-state", [("existing", true), ("new", false)])
  }

  /// etcd server/storage/quota.go DefaultQuotaBytes.
  private static let standardQuotaBytes: UInt64 = 2 << 30

  /// As etcd reads it (embed/etcd.go parseCompactionRetention).
  private func compaction() throws(ServerExit) -> AutoCompaction {
    let (mode, text) = (autoCompactionMode, autoCompactionRetention)
    let isPeriodic = try Self.choice(
      mode, "--auto-compaction-mode", [("periodic", true), ("revision", false)])
    if let number = Int64(text) {
      guard number >= 0, number < 1 << 40 else {
        throw .badFlags("--auto-compaction-retention=\(text) is no number of hours or revisions")
      }
      guard number > 0 else { return .off }
      return isPeriodic ? .period(.seconds(3600) * Int(number)) : .revisions(number)
    }
    guard isPeriodic else {
      throw .badFlags("--auto-compaction-retention=\(text) is no number of revisions")
    }
    return .period(try Self.duration(text, "--auto-compaction-retention"))
  }

  private func cluster() throws(ServerExit) -> InitialCluster {
    let peers = try MemberURL.list(
      initialAdvertisePeerURLs ?? listenPeerURLs, flag: "--initial-advertise-peer-urls")
    let list = initialCluster ?? peers.map { "\(name)=\($0)" }.joined(separator: ",")
    let cluster = try InitialCluster.parse(
      list, token: initialClusterToken, joining: try joins())
    if initialAdvertisePeerURLs != nil, let own = cluster.member(named: name),
      own.peerURLs != peers.map(\.description).sorted()
    {
      throw .wrongInitialCluster(
        "it names \(own.peerURLs.joined(separator: ",")) for \(name), and "
          + "--initial-advertise-peer-urls \(peers.map(\.description).joined(separator: ","))")
    }
    return cluster
  }

  /// etcd's names of the levels.
  private static let levels: [(String, Logger.Level)] = [
    ("trace", .trace), ("debug", .debug), ("info", .info), ("warn", .warning),
    ("error", .error), ("panic", .critical), ("fatal", .critical),
  ]

  /// A number with one of Go's units. *Throws* when it is none, or not above zero.
  private static func duration(_ text: String, _ flag: String) throws(ServerExit) -> Duration {
    let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
    for (unit, seconds) in units where text.hasSuffix(unit) {
      guard let number = Double(text.dropLast(unit.count)), number > 0, number < 1e6 else { break }
      return .seconds(number * seconds)
    }
    throw .badFlags("\(flag)=\(text) is no time like 10m, 1.5s or 100ms")
  }

  private static func choice<Value>(
    _ text: String, _ flag: String, _ values: [(name: String, value: Value)]
  ) throws(ServerExit) -> Value {
    guard let match = values.first(where: { $0.name == text }) else {
      let known = values.map(\.name).joined(separator: ", ")
      throw .badFlags("\(flag)=\(text) is none of \(known)")
    }
    return match.value
  }
}
