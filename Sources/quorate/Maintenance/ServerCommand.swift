import ArgumentParser
import Foundation
import Host
import Server

/// `quorate server`: one member. The flags are etcd's where they mean the same.
struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Run one member of a store.",
    discussion: """
      The flags are etcd's where they mean the same. Flags of etcd that have no meaning here are \
      accepted, and each is named in one line of the log. Exit codes from 20 are in \
      Docs/Operations.md.
      """)

  @Option(help: "This member's name in --initial-cluster.")
  var name = "default"

  @Option(help: "Where this member keeps its files (default: <name>.quorate).")
  var dataDir: String?

  @Option(help: "Where to listen for clients: http://host:port, with commas between.")
  var listenClientUrls = "http://localhost:2379"

  @Option(help: "Where clients are told to go (default: as listened).")
  var advertiseClientUrls: String?

  @Option(help: "Where to listen for other members.")
  var listenPeerUrls = "http://localhost:2380"

  @Option(help: "Where other members reach this one; as --initial-cluster has it.")
  var initialAdvertisePeerUrls: String?

  @Option(help: "The members that found the store: n1=http://host:port,n2=http://…")
  var initialCluster: String?

  @Option(help: "new: form a store, or go on with --data-dir; existing: join one, or go on.")
  var initialClusterState = "new"

  @Option(help: "Tells stores with the same URLs apart.")
  var initialClusterToken = "etcd-cluster"

  @Option(help: "Milliseconds between heartbeats.")
  var heartbeatInterval = 100

  @Option(help: "Milliseconds without a leader before an election.")
  var electionTimeout = 1000

  @Option(help: "Without a majority: read-only, halt or wait.")
  var onQuorumLoss = "read-only"

  @Option(help: "What the store may take of the disk; 0: 2 GiB, below 0: no bound.")
  var quotaBackendBytes: Int64 = 0

  @Option(help: "What the leader compacts by itself: periodic or revision.")
  var autoCompactionMode = "periodic"

  @Option(help: "What it keeps: hours, a time (10m), or a number of revisions; 0: all.")
  var autoCompactionRetention = "0"

  @Option(help: "The largest request that changes the store, in bytes.")
  var maxRequestBytes = 1_572_864

  @Option(help: "Operations in one branch of a transaction.")
  var maxTxnOps = 128

  @Option(help: "Entries kept in the log for slow followers.")
  var snapshotCount: UInt64 = 10_000

  @Option(help: "How often a watch that wants it, and had no events, is told how far it is.")
  var experimentalWatchProgressNotifyInterval = "10m"

  @Option(help: "text or json.")
  var logFormat = "text"

  @Option(help: "debug, info, warn or error.")
  var logLevel = "info"

  @Option(help: "Accepted; logs go to the standard error output.")
  var logOutputs = "default"

  @Option(help: "Accepted; /metrics has everything.")
  var metrics = "basic"

  @Flag(help: "Apply the entry that ended this member twice once more.")
  var applyAgain = false

  @Flag(help: "Without its data directory, ask the others for a new place instead of ending.")
  var autoRejoin = false

  @Flag(help: "Let the lab look in and cut links (never on a machine that others can reach).")
  var lab = false

  @Flag(
    help: "With --lab: what is not synced dies with the process, so that a kill is a power loss.")
  var labVolatileDisk = false

  /// Runs a member with these arguments, which follow `server`, and ends the process.
  static func start(_ arguments: [String]) async -> Never {
    let flags = IgnoredFlags(separating: arguments)
    do {
      var command = try parse(flags.remaining)
      command.ignored = flags.ignored
      Foundation.exit(await ServerRun(settings: try command.flags.settings()).run())
    } catch let exit as ServerExit {
      ServerRun.say(exit)
      Foundation.exit(exit.code)
    } catch {
      // `--help` is no error.
      if exitCode(for: error).isSuccess { exit(withError: error) }
      let bad = ServerExit.badFlags(message(for: error))
      ServerRun.say(bad)
      Foundation.exit(bad.code)
    }
  }

  func run() async throws {
    throw ExitCode(await ServerRun(settings: try flags.settings()).run())
  }

  /// Flags that were taken out before parsing.
  private var ignored: [String] = []

  private enum CodingKeys: String, CodingKey {
    case name, dataDir, listenClientUrls, advertiseClientUrls, listenPeerUrls
    case initialAdvertisePeerUrls, initialCluster, initialClusterState, initialClusterToken
    case heartbeatInterval, electionTimeout, onQuorumLoss, quotaBackendBytes, maxRequestBytes
    case autoCompactionMode, autoCompactionRetention, maxTxnOps, snapshotCount, logFormat, logLevel,
      logOutputs, metrics, applyAgain, autoRejoin
    case lab, labVolatileDisk, experimentalWatchProgressNotifyInterval
  }
}

extension ServerCommand {
  private var flags: MemberFlags {
    var flags = MemberFlags()
    flags.name = name
    flags.dataDirectory = dataDir
    flags.listenClientURLs = listenClientUrls
    flags.advertiseClientURLs = advertiseClientUrls
    flags.listenPeerURLs = listenPeerUrls
    flags.initialAdvertisePeerURLs = initialAdvertisePeerUrls
    flags.initialCluster = initialCluster
    flags.initialClusterState = initialClusterState
    flags.initialClusterToken = initialClusterToken
    flags.heartbeatMilliseconds = heartbeatInterval
    flags.electionMilliseconds = electionTimeout
    flags.onQuorumLoss = onQuorumLoss
    flags.requestLimitBytes = maxRequestBytes
    flags.transactionOperations = maxTxnOps
    flags.retainedEntries = snapshotCount
    flags.logFormat = logFormat
    flags.logLevel = logLevel
    flags.appliesAgain = applyAgain
    flags.rejoins = autoRejoin
    flags.isLab = lab
    flags.isDiskVolatile = labVolatileDisk
    flags.quotaBytes = quotaBackendBytes
    flags.autoCompactionMode = autoCompactionMode
    flags.autoCompactionRetention = autoCompactionRetention
    flags.watchProgressInterval = experimentalWatchProgressNotifyInterval
    flags.ignored = ignored
    return flags
  }
}
