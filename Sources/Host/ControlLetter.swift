package import Base
package import KeyValue
package import Raft
package import Replica
package import Transport

/// What clients and whoever runs the member ask of the replica's loop, besides commands and reads.
package enum ControlLetter: Sendable {
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
package struct MemberReport: Sendable {
  package enum Phase: String, Sendable {
    case forming
    case serving
    /// Applying an entry ended its process twice.
    case quarantined
    case stopping
  }

  package var phase: Phase
  /// `nil`: there is no replica.
  package var status: ReplicaStatus?
  /// Why a member without a replica refuses.
  package var idle: Refusal
  /// Why the store has not formed; empty: it has.
  package var gaps: [FormationGap]
  /// What would survive a power loss.
  package var durableApplied: LogIndex
  /// `nil`: there is no replica.
  package var facts: UpkeepFacts?
  package var leaseCount: Int
  /// Whether a write would be committed, for balancers; `nil`: not known.
  package var servesWrites: Bool?
  package var links: [LinkReport]
}

/// What lies between this member and a peer.
package struct LinkReport: Sendable {
  package var peer: MemberID
  package var name: String
  package var peerURLs: [String]
  package var hasSession: Bool
  package var link: Link
}

/// Which links to cut or mend; all of it or nothing.
package struct LinkOrder: Sendable {
  package struct Wish: Sendable {
    /// A member's name or id, or `*` for all others.
    package var peer: String
    /// `nil`: stays as it is.
    package var send: Link.State?
    package var receive: Link.State?

    package init(peer: String, send: Link.State?, receive: Link.State?) {
      self.peer = peer
      self.send = send
      self.receive = receive
    }
  }

  package var wishes: [Wish]

  package init(wishes: [Wish]) { self.wishes = wishes }
}

/// Why an order was not carried out; one sentence.
package struct LinkOrderError: Error, Hashable {
  package var sentence: String

  package init(sentence: String) { self.sentence = sentence }
}
