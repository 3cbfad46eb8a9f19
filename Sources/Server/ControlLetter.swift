import KeyValue
import Raft
import Replica
import Transport

/// What clients and whoever runs the member ask of the replica's loop, besides commands and reads.
enum ControlLetter: Sendable {
  /// How the member stands; `knowing`: not before it is known whether writes pass.
  case report(RequestID, knowing: Bool)
  /// How long a lease lasts.
  case leaseTime(Int64, RequestID)
  case leases(RequestID)
  case change(MemberRequest)
  case moveLeader(RequestID, to: MemberID, deadline: Instant)
  /// Throws the switch between this member and its peers.
  case setLinks(LinkOrder, RequestID)
  /// Somebody wants to know whether writes pass.
  case probeWrites
  /// Whether anybody on this client loop is told of every change of the member's health.
  case watchHealth(loop: Int, Bool)
  /// Hand leadership over, refuse what is new, and finish what is under way: then go on.
  case shutDown(CheckedContinuation<Void, Never>)
}

/// How a member stands.
struct MemberReport: Sendable {
  enum Phase: String, Sendable {
    case forming
    case serving
    /// Applying an entry ended its process twice.
    case quarantined
    case stopping
  }

  var phase: Phase
  /// `nil`: there is no replica.
  var status: ReplicaStatus?
  /// Why a member without a replica refuses.
  var idle: Refusal
  /// Why the store has not formed; empty: it has.
  var gaps: [FormationGap]
  /// What would survive a power loss.
  var durableApplied: LogIndex
  /// `nil`: there is no replica.
  var facts: UpkeepFacts?
  var leaseCount: Int
  /// Whether a write would be committed, for balancers; `nil`: not known.
  var servesWrites: Bool?
  var links: [LinkReport]
}

/// What lies between this member and a peer.
struct LinkReport: Sendable {
  var peer: MemberID
  var name: String
  var peerURLs: [String]
  var hasSession: Bool
  var link: Link
}

/// Which links to cut or mend; all of it or nothing.
struct LinkOrder: Sendable {
  struct Wish: Sendable {
    /// A member's name or id, or `*` for all others.
    var peer: String
    /// `nil`: stays as it is.
    var send: Link.State?
    var receive: Link.State?
  }

  var wishes: [Wish]
}

/// Why an order was not carried out; one sentence.
struct LinkOrderError: Error, Hashable {
  var sentence: String
}
