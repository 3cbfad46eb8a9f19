import ArgumentParser

/// Flags of etcdctl that every script may carry and that mean nothing here: those that would change
/// nothing are taken, those that ask for what is not there are refused.
struct ForeignFlags: ParsableArguments {
  @Option var user: String?
  @Option var password: String?
  @Option var cacert: String?
  @Option var cert: String?
  @Option var key: String?
  /// False: with TLS. `CommandLineForm` gives it its value.
  @Option var insecureTransport: String?
  @Option(name: [.customShort("d"), .long]) var discoverySrv: String?

  @Option var discoverySrvName: String?
  @Option var keepaliveTime: GoDuration?
  @Option var keepaliveTimeout: GoDuration?
  @Flag(name: .long) var insecureDiscovery = false
  @Flag(name: .long) var insecureSkipTlsVerify = false
  @Flag(name: .long) var debug = false

  /// *Throws* one sentence when somebody relies on users, TLS or DNS.
  func refuse(_ environment: FlagEnvironment) throws(CommandFailure) {
    func first(_ flags: [(given: String?, flag: String, variable: String)]) -> String? {
      for (given, flag, variable) in flags {
        if let given {
          if !given.isEmpty { return flag }
        } else if let set = environment[variable] {
          return set.name
        }
      }
      return nil
    }
    if let named = first([(user, "--user", "USER"), (password, "--password", "PASSWORD")]) {
      throw CommandFailure(
        .badFeature, "Quorate has no users: leave \(named) away, and keep its ports to yourself")
    }
    let secure = [(cacert, "--cacert", "CACERT"), (cert, "--cert", "CERT"), (key, "--key", "KEY")]
    if let named = first(secure) {
      throw CommandFailure(.badFeature, "Quorate has no TLS: leave \(named) away")
    }
    let transport =
      insecureTransport.map { (name: "--insecure-transport", value: $0) }
      ?? environment["INSECURE_TRANSPORT"]
    if let transport, FlagEnvironment.truth(transport.value) != true {
      throw CommandFailure(.badFeature, "Quorate has no TLS: leave \(transport.name) away")
    }
    if let named = first([(discoverySrv, "--discovery-srv", "DISCOVERY_SRV")]) {
      throw CommandFailure(
        .badFeature, "endpoints are not looked up in DNS: list them with --endpoints, not \(named)")
    }
  }
}

/// What the flags of all client commands are when they are not given: `QUORATE_WRITE_OUT`, or
/// `ETCDCTL_WRITE_OUT`, and so on (etcd pkg/flags/flag.go, `SetPflagsFromEnv`).
struct FlagEnvironment {
  var values: [String: String]

  /// `flag` as in `WRITE_OUT`; `nil`: neither variable is there, or both are empty.
  subscript(flag: String) -> (name: String, value: String)? {
    for name in ["QUORATE_" + flag, "ETCDCTL_" + flag] {
      if let value = values[name], !value.isEmpty { return (name, value) }
    }
    return nil
  }

  func isSet(_ flag: String) throws(CommandFailure) -> Bool {
    guard let (name, value) = self[flag] else { return false }
    guard let truth = Self.truth(value) else {
      throw CommandFailure(
        .badArguments, "\(name) is true or false, not \(GoText.quoted(value.utf8))")
    }
    return truth
  }

  func duration(_ flag: String) throws(CommandFailure) -> GoDuration? {
    guard let (name, value) = self[flag] else { return nil }
    guard let duration = GoDuration(argument: value) else {
      throw CommandFailure(
        .badArguments, "\(name) is a time as 500ms or 2s, not \(GoText.quoted(value.utf8))")
    }
    return duration
  }

  /// Go strconv.ParseBool; `nil`: neither.
  static func truth(_ text: some StringProtocol) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
