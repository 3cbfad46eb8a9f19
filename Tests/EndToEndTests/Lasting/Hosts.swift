import Foundation

/// A host for each member: a network namespace with two addresses, its cable in one switch (a
/// bridge) that this process reaches too.
///
/// What is cut here is cut as a cable is: no end and no reset arrives, on either side.
final class Hosts {
  /// Why this machine has none, in one line; `nil`: it has.
  static let whyNot: String? = {
    let reason = reasonAgainst()
    if let reason { print("no hosts for members: \(reason)") }
    return reason
  }()

  private static func reasonAgainst() -> String? {
    guard getuid() == 0 else { return "network namespaces need root" }
    guard Shell.has("ip"), Shell.has("tc") else { return "no ip and tc: run `make setup`" }
    do {
      let hosts = try Hosts(2)
      try hosts.slow(1)
      // Nobody listens there: a reset has come all the way, and silence has not.
      _ = try? Shell.run(
        hosts.prefix(1) + ["timeout", "2", "bash", "-c", "</dev/tcp/\(hosts.addresses(2)[0])/9"])
      return try hosts.hasMet(2, by: 1) ? nil : "two network namespaces do not reach each other"
    } catch {
      return "network namespaces cannot be made: \(error)"
    }
  }

  let count: Int
  /// Begins the names of all that is made.
  private let name = "q\(String(UInt32.random(in: 0..<0x100_0000), radix: 16))"
  /// In the two networks that RFC 2544 keeps for tests: 198.18.x.0/24 and 198.19.x.0/24.
  private let network = Int.random(in: 1...254)

  init(_ count: Int) throws {
    self.count = count
    try ip("link add \(bridge) type bridge")
    try ip("addr add 198.18.\(network).254/24 dev \(bridge)")
    try ip("addr add 198.19.\(network).254/24 dev \(bridge)")
    try ip("link set \(bridge) up")
    for number in 1...count { try make(number) }
  }

  /// Makes a host, with nothing of one that had its place before.
  func make(_ number: Int) throws {
    try ip("netns add \(host(number))")
    try ip("link add \(cable(number)) type veth peer name eth0 netns \(host(number))")
    try ip("link set \(cable(number)) master \(bridge) up")
    for address in addresses(number) {
      try ip("-n \(host(number)) addr add \(address)/24 dev eth0")
    }
    try ip("-n \(host(number)) link set eth0 up")
    try ip("-n \(host(number)) link set lo up")
  }

  /// The processes on the hosts have ended by now.
  deinit {
    for number in 1...count {
      _ = try? ip("link delete \(cable(number))")
      _ = try? ip("netns delete \(host(number))")
    }
    _ = try? ip("link delete \(bridge)")
  }

  private var bridge: String { "\(name)b" }
  private func host(_ number: Int) -> String { "\(name)h\(number)" }
  private func cable(_ number: Int) -> String { "\(name)v\(number)" }

  @discardableResult
  private func ip(_ words: String) throws -> String {
    try Shell.run(["ip"] + words.split(separator: " ").map(String.init))
  }

  func addresses(_ number: Int) -> [String] {
    ["198.18.\(network).\(number)", "198.19.\(network).\(number)"]
  }

  /// What stands before the words of a command that is to run on a host.
  func prefix(_ number: Int) -> [String] { ["ip", "netns", "exec", host(number)] }

  private func hasMet(_ other: Int, by number: Int) throws -> Bool {
    try ip("-n \(host(number)) neigh show \(addresses(other)[0])").contains("lladdr")
  }

  // MARK: Faults

  /// Pulls the cable: what is sent to or by the host is gone.
  func cut(_ number: Int) throws { try ip("link set \(cable(number)) down") }

  func mend(_ number: Int) throws { try ip("link set \(cable(number)) up") }

  /// The host and its network end at once, as when power fails; its process is to be killed after
  /// this, so that nobody hears of it.
  func delete(_ number: Int) throws {
    try ip("link delete \(cable(number))")
    try ip("netns delete \(host(number))")
  }

  /// Takes the first of the two addresses away. Connections that it had stay, and are mute.
  func loseAddress(_ number: Int) throws {
    try ip("-n \(host(number)) addr delete \(addresses(number)[0])/24 dev eth0")
  }

  func regainAddress(_ number: Int) throws {
    try ip("-n \(host(number)) addr add \(addresses(number)[0])/24 dev eth0")
  }

  /// From now on the host gets one megabyte a second.
  func slow(_ number: Int) throws {
    _ = try Shell.run(
      ["tc", "qdisc", "add", "dev", cable(number), "root", "tbf"]
        + ["rate", "8mbit", "burst", "64kb", "latency", "50ms"])
  }

  /// Takes `slow` back.
  func quicken(_ number: Int) throws {
    _ = try Shell.run(["tc", "qdisc", "delete", "dev", cable(number), "root"])
  }
}
