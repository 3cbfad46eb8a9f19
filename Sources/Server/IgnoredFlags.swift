import Host
/// Flags of etcd that have no meaning here: accepted, so that a unit file written for etcd starts,
/// and each named in one line.
public struct IgnoredFlags: Equatable, Sendable {
  /// What is left for the parser, in order.
  public private(set) var remaining: [String] = []
  /// The flags that were taken out, with their two dashes.
  public private(set) var ignored: [String] = []

  /// Takes the ignored flags and their values out of `arguments`. A value follows its flag after
  /// `=`, or as the next argument if the flag is no switch.
  public init(separating arguments: [String]) {
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      let name = String(argument.prefix { $0 != "=" })
      let hasValue = name.count < argument.count
      if Self.switches.contains(name) {
        ignored.append(name)
      } else if Self.options.contains(name) {
        ignored.append(name)
        if !hasValue { index += 1 }
      } else {
        remaining.append(argument)
      }
    }
  }

  /// One line for the log about one flag.
  public static func line(about flag: String) -> String {
    "\(flag) is a flag of etcd without a meaning here; it is ignored"
  }

  /// Flags that stand alone (etcd server/etcdmain/config.go).
  static let switches: Set<String> = [
    "--pre-vote", "--strict-reconfig-check", "--enable-pprof", "--socket-reuse-port",
    "--socket-reuse-address", "--enable-v2", "--experimental-initial-corrupt-check",
    "--experimental-enable-distributed-tracing", "--experimental-enable-lease-checkpoint",
    "--experimental-enable-lease-checkpoint-persist",
    "--experimental-txn-mode-write-with-shared-buffer",
    "--initial-election-tick-advance",
    "--enable-log-rotation",
  ]

  /// Flags with a value.
  static let options: Set<String> = [
    "--wal-dir", "--max-snapshots", "--max-wals", "--cors", "--host-whitelist",
    "--grpc-keepalive-min-time",
    "--grpc-keepalive-interval", "--grpc-keepalive-timeout", "--max-concurrent-streams",
    "--listen-metrics-urls", "--backend-batch-limit", "--backend-batch-interval",
    "--backend-bbolt-freelist-type", "--log-rotation-config-json", "--logger",
    "--auth-token", "--auth-token-ttl", "--bcrypt-cost",
    "--v2-deprecation", "--cipher-suites", "--experimental-corrupt-check-time",
    "--experimental-compact-hash-check-enabled", "--experimental-compact-hash-check-time",
    "--experimental-compaction-batch-limit", "--experimental-compaction-sleep-interval",
    "--experimental-warning-apply-duration",
    "--experimental-warning-unary-request-duration",
    "--experimental-peer-skip-client-san-verification",
    "--experimental-bootstrap-defrag-threshold-megabytes", "--experimental-memory-mlock",
    "--experimental-snapshot-catchup-entries", "--snapshot-catchup-entries",
  ]
}
