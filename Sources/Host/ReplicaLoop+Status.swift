import Base
import Member
import Raft
import Replica
import Storage
import Transport

/// What people and balancers are told of this member.
extension ReplicaLoop {
  /// Whether a write would be committed, for balancers; `nil`: not known. With `wait` a member
  /// refuses nothing, as etcd.
  var servesWrites: Bool? {
    guard let health = replica?.writeHealth(at: MonotonicClock.now()) else { return false }
    if settings.replica.quorumPolicy == .wait { return true }
    return switch health {
    case .serves: true
    case .refuses: false
    case .undecided: nil
    }
  }

  func report(to id: RequestID) { post(.report(id, report), for: id) }

  /// Reports as soon as it is known whether writes pass: at once, or after one was tried.
  func reportWhenHealthIsKnown(to id: RequestID) {
    step(.probeWrites)
    healthWaiters.append(id)
    // Beyond that the answer may be that nobody knows.
    if healthWaiters.count > Self.healthWaitersLimit { report(to: healthWaiters.removeFirst()) }
  }

  private static let healthWaitersLimit = 1_000

  func tellHealth() {
    guard !healthWaiters.isEmpty else { return }
    if replica?.writeHealth(at: MonotonicClock.now()) == .undecided { return }
    let report = report
    for id in healthWaiters { post(.report(id, report), for: id) }
    healthWaiters = []
  }

  private var report: MemberReport {
    MemberReport(
      phase: phase, status: replica?.status(at: MonotonicClock.now()), idle: idle,
      gaps: admission.gaps, durableApplied: durableApplied, facts: replica?.upkeepFacts,
      leaseCount: replica?.leaseCount ?? 0, servesWrites: servesWrites, links: links)
  }

  private var phase: MemberReport.Phase {
    if isShuttingDown { return .stopping }
    if poisoned != nil { return .quarantined }
    return admission.hasFormed ? .serving : .forming
  }

  private var links: [LinkReport] {
    transport.status.map { peer in
      let urls =
        replica?.configuration.members.first { $0.id == peer.id }?.peerURLs
        ?? settings.initialCluster.members.first { $0.id == peer.id }?.peerURLs
      return LinkReport(
        peer: peer.id, name: name(of: peer.id), peerURLs: urls ?? [],
        hasSession: peer.session != nil, link: peer.link)
    }
  }

  /// Throws the switch, all of the order or nothing. Returns how the links are then.
  func throwSwitch(_ order: LinkOrder) -> Result<[LinkReport], LinkOrderError> {
    var links: [(id: MemberID, link: Link)] = transport.status.map { ($0.id, $0.link) }
    for wish in order.wishes {
      var isKnown = wish.peer == "*"
      for index in links.indices where wish.peer == "*" || isPeer(links[index].id, wish.peer) {
        isKnown = true
        if let send = wish.send { links[index].link.send = send }
        if let receive = wish.receive { links[index].link.receive = receive }
      }
      guard isKnown else {
        return .failure(LinkOrderError(sentence: "\(wish.peer) is no peer of this member"))
      }
    }
    for (id, link) in links { transport.setLink(link, with: id) }
    return .success(self.links)
  }

  private func isPeer(_ id: MemberID, _ text: String) -> Bool {
    name(of: id) == text || MemberReport.hexadecimal(id.number) == text
  }
}

extension MemberReport {
  /// 16 lower-case hexadecimal digits, as the lab's pages name members.
  package static func hexadecimal(_ number: UInt64) -> String {
    let digits = Base.hexadecimal(number)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
