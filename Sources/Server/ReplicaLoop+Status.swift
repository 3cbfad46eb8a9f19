import Storage
import EtcdAPI
import KeyValue
import Foundation
import Raft
public import Replica
import Services
import Transport

extension ReplicaLoop {
  var gauges: Metrics.Gauges {
    var gauges = Metrics.Gauges()
    let meta = board.meta
    gauges.applied = meta.appliedIndex
    gauges.revision = meta.revision
    gauges.pending = waiters.count
    gauges.overlayBytes = board.overlayBytes
    gauges.usedBytes = max(board.usedBytes, 0)
    gauges.fileBytes = max(board.fileBytes, gauges.usedBytes)
    gauges.quotaBytes = settings.replica.quotaBytes
    gauges.alarms = meta.alarms.count
    gauges.isFenced = board.isFenced
    guard let status = replica?.status(at: MonotonicClock.now()) else { return gauges }
    gauges.role = "\(status.role)"
    gauges.isLeader = status.role == .leader
    gauges.hasLeader = status.leader != nil
    gauges.term = status.term.number
    gauges.commit = status.commitIndex.number
    gauges.heard = status.quorum.current.heard
    gauges.leases = replica?.leaseCount ?? 0
    gauges.voters = status.quorum.current.voters
    return gauges
  }

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

  /// Calls `tell` as soon as it is known whether writes pass: at once, or after one was tried.
  func whenHealthIsKnown(_ tell: @escaping () -> Void) {
    step(.probeWrites)
    healthWaiters.append(tell)
    // Beyond that the answer may be that nobody knows.
    if healthWaiters.count > Self.healthWaitersLimit { healthWaiters.removeFirst()() }
  }

  private static let healthWaitersLimit = 1_000

  func tellHealth() {
    guard !healthWaiters.isEmpty else { return }
    if replica?.writeHealth(at: MonotonicClock.now()) == .undecided { return }
    let waiters = healthWaiters
    healthWaiters = []
    for tell in waiters { tell() }
  }

  /// Why the member counts as ill, in etcd's words; `nil`: it is well (etcd
  /// api/etcdhttp/health.go, which tries a read).
  var illness: String? {
    guard let status = replica?.status(at: MonotonicClock.now()), status.quorum.isQuorate,
      status.leader != nil, !status.isShuttingDown
    else { return "RAFT NO LEADER" }
    if let facts = replica?.upkeepFacts {
      if facts.isRaised(.noSpace) { return "ALARM NOSPACE" }
      if facts.isRaised(.corrupt) { return "ALARM CORRUPT" }
    }
    guard case .refuses(let refusal) = status.write else { return nil }
    return "WRITE ERROR: \(describe(refusal))"
  }

  var labStatus: LabStatus {
    let meta = board.meta
    let lanes = meta.digest.lanes
    let hash = [lanes.0, lanes.1, lanes.2, lanes.3].map(LabStatus.hexadecimal).joined()
    let unserved = LabStatus.Service(served: false, why: describe(idle))
    let isServingOld = poisoned != nil && !isShuttingDown
    var page = LabStatus(
      name: settings.name, member: LabStatus.hexadecimal(identity.member.number),
      cluster: LabStatus.hexadecimal(identity.cluster),
      pid: ProcessInfo.processInfo.processIdentifier,
      phase: phaseName,
      applied: meta.appliedIndex, revision: meta.revision, hash: hash,
      policy: settings.replica.quorumPolicy.flagValue,
      N: settings.initialCluster.members.count,
      missing: admission.gaps.map { LabStatus.hexadecimal($0.member.number) },
      serves: LabStatus.Services(
        write: unserved, linearizable: unserved,
        serializable: LabStatus.AgedService(
          service: isServingOld ? LabStatus.Service(served: true) : unserved,
          ageMilliseconds: nil)),
      links: labLinks)
    guard let status = replica?.status(at: MonotonicClock.now()) else { return page }
    let isLearner = status.configuration.members.contains {
      $0.id == status.id && $0.role == .learner
    }
    page.role = isLearner ? "learner" : "\(status.role)"
    page.term = status.term.number
    page.leader = status.leader.map { LabStatus.hexadecimal($0.number) }
    page.commit = status.commitIndex.number
    page.durableApplied = durableApplied.number
    page.quorate = status.quorum.isQuorate
    page.R = status.quorum.current.heard
    page.N = status.quorum.current.voters
    page.missing = status.quorum.missing.map { LabStatus.hexadecimal($0.number) }
    page.serves = LabStatus.Services(
      write: service(status.write), linearizable: service(status.linearizableRead),
      serializable: LabStatus.AgedService(
        service: service(status.serializableRead),
        ageMilliseconds: status.age.map(\.milliseconds)))
    return page
  }

  private var phaseName: String {
    if isShuttingDown { return "stopping" }
    if poisoned != nil { return "quarantined" }
    return admission.hasFormed ? "serving" : "forming"
  }

  var labLinks: [LabStatus.Link] {
    transport.status.map { peer in
      let urls =
        replica?.configuration.members.first { $0.id == peer.id }?.peerURLs
        ?? settings.initialCluster.members.first { $0.id == peer.id }?.peerURLs
      return LabStatus.Link(
        peer: LabStatus.hexadecimal(peer.id.number), name: name(of: peer.id),
        peerURLs: urls ?? [], session: peer.session != nil, send: peer.link.send.rawValue,
        receive: peer.link.receive.rawValue)
    }
  }

  private func service(_ service: ReplicaStatus.Service) -> LabStatus.Service {
    switch service {
    case .serves: LabStatus.Service(served: true, why: nil)
    case .refuses(let refusal): LabStatus.Service(served: false, why: describe(refusal))
    }
  }

  private func describe(_ refusal: Refusal) -> String {
    let answer = FailedAnswer(refusal, members: board.view.members)
    return answer.why?.evidence ?? answer.status.text
  }

  /// Throws the switch, all of the order or nothing.
  func carryOut(_ order: LinkOrder) throws(LinkOrderError) {
    var links: [(id: MemberID, link: Link)] = transport.status.map { ($0.id, $0.link) }
    for wish in order.links {
      let send = try state(wish.send)
      let receive = try state(wish.receive)
      var isKnown = wish.peer == "*"
      for index in links.indices where wish.peer == "*" || isPeer(links[index].id, wish.peer) {
        isKnown = true
        if let send { links[index].link.send = send }
        if let receive { links[index].link.receive = receive }
      }
      guard isKnown else {
        throw LinkOrderError(sentence: "\(wish.peer) is no peer of this member")
      }
    }
    for (id, link) in links { transport.setLink(link, with: id) }
  }

  private func state(_ text: String?) throws(LinkOrderError) -> Link.State? {
    guard let text else { return nil }
    guard let state = Link.State(rawValue: text) else {
      throw LinkOrderError(sentence: "\(text) is not open, silent or reset")
    }
    return state
  }

  private func isPeer(_ id: MemberID, _ text: String) -> Bool {
    name(of: id) == text || LabStatus.hexadecimal(id.number) == text
  }
}

extension QuorumPolicy {
  /// As `--on-quorum-loss` writes it.
  public var flagValue: String {
    switch self {
    case .readOnly: "read-only"
    case .halt: "halt"
    case .wait: "wait"
    }
  }

  /// `nil`: no such policy.
  public init?(flagValue: String) {
    guard let policy = Self.allCases.first(where: { $0.flagValue == flagValue }) else { return nil }
    self = policy
  }
}
