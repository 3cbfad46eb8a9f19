import Base
import Foundation
package import Logging
package import NIOCore
import Raft
package import Replica
import Transport

/// How a process without a data directory becomes a member of a store that is there.
extension Place {
  /// The place of this member in the store; `nil`: it has a directory, or founds the store with the
  /// others.
  ///
  /// *Throws* that there is none for it. While nobody answers it goes on asking.
  package static func find(
    for settings: HostSettings, on loop: any EventLoop, _ logger: Logger
  ) async throws(ServerExit) -> Place? {
    guard !settings.hasDirectory, settings.joins || settings.rejoins else { return nil }
    guard let own = settings.initialCluster.member(named: settings.name) else { return nil }
    let others = settings.initialCluster.members.filter { $0.id != own.id }
    guard !others.isEmpty else {
      guard settings.joins else { return nil }
      throw .badFlags(
        "--initial-cluster-state=existing, but \(settings.dataDirectory) holds no member and "
          + "--initial-cluster names nobody else to ask")
    }
    var search = Search(settings: settings, own: own, others: others)
    while true {
      switch try await search.turn(on: loop) {
      case .found(let place):
        logger.info(
          "joins the cluster",
          metadata: [
            "member": "\(hexadecimal(place.member.number))",
            "cluster": "\(hexadecimal(place.cluster.number))",
          ])
        return place
      case .founds: return nil
      case .goesOn:
        if let remark = search.remark() { logger.info("\(remark)") }
        try? await Task.sleep(for: .milliseconds(200))
      }
    }
  }
}

/// Asking around until a place is found, or none can be.
private struct Search {
  enum Turn {
    case found(Place)
    /// Nobody knows of this member, and it was not told to join: it forms with the others.
    case founds
    case goesOn
  }

  private static let patience = Duration.seconds(3)
  /// For one answer.
  private static let limit = Duration.seconds(1)

  let settings: HostSettings
  let own: InitialCluster.Member
  let others: [InitialCluster.Member]
  private var wantsReplacement = false
  /// Since when every answer spoke against it; `nil`: the last did not.
  private var deniedSince: Instant?
  private var saidAt: Instant?
  private var hasAnswers = false

  init(
    settings: HostSettings, own: InitialCluster.Member, others: [InitialCluster.Member]
  ) {
    self.settings = settings
    self.own = own
    self.others = others
  }

  mutating func turn(on loop: any EventLoop) async throws(ServerExit) -> Turn {
    let answers = await ask(on: loop)
    hasAnswers = !answers.isEmpty
    for case .place(let place) in answers { return .found(place) }
    let taken = answers.compactMap { if case .taken(let member) = $0 { member } else { nil } }
    if let member = taken.first {
      if settings.rejoins {
        wantsReplacement = true
        return .goesOn
      }
      guard isDenied() else { return .goesOn }
      throw .wiped(
        name: settings.name, member: hexadecimal(member.number),
        peerURL: own.peerURLs.first ?? "")
    }
    // Told to join, it waits for who is to let it in; else the others may be as new as it is.
    guard settings.joins || wantsReplacement else { return .founds }
    guard answers.contains(.unknown) else {
      deniedSince = nil
      return .goesOn
    }
    guard isDenied() else { return .goesOn }
    throw .wrongInitialCluster(
      "no member of the store is reached at \(own.peerURLs.joined(separator: ",")), so add it "
        + "first (quorate member add \(settings.name) --peer-urls …)")
  }

  /// Whether answers that speak against it are to be believed: who gave them may be behind.
  private mutating func isDenied() -> Bool {
    let now = MonotonicClock.now()
    let since = deniedSince ?? now
    deniedSince = since
    return now - since >= Self.patience
  }

  private func ask(on loop: any EventLoop) async -> [JoinAnswer] {
    let joinQuery = JoinQuery(
      name: settings.name, peerURLs: own.peerURLs, wantsReplacement: wantsReplacement)
    var answers: [JoinAnswer] = []
    for text in others.flatMap(\.peerURLs) {
      guard let url = try? MemberURL(parsing: text, flag: "--initial-cluster") else { continue }
      let address = PeerAddress(host: url.host, port: url.port)
      let answer = try? await JoinQueryClient.ask(
        joinQuery, at: address, within: Self.limit, on: loop)
      if let answer { answers.append(answer) }
    }
    return answers
  }

  /// What to tell people every few seconds.
  mutating func remark() -> String? {
    let now = MonotonicClock.now()
    if let saidAt, now - saidAt < .seconds(5) { return nil }
    saidAt = now
    if wantsReplacement { return "waits for a new place: its data directory is lost" }
    return hasAnswers
      ? "waits to be added to the cluster" : "waits for a member that answers, to join the cluster"
  }
}
