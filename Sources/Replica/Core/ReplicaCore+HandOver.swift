import Base
import Raft

/// What makes a leader give leadership away that everybody follows (Docs/Architecture.md, *What
/// must never happen*).
public enum HandOverReason: Hashable, Sendable {
  /// A write that others hold durably has been on its way to this leader's disk for so long.
  case lateDisk(Duration)
  /// This leader's disk has no room, and refuses for all what makes the store grow.
  case spaceShort
}

/// A leader whose disk stalls or fills holds up every member's clients, while a quorum could serve
/// them. So it hands over, to a voter that does better, and seldom: where all are slow or full, no
/// other leader would help.
///
/// ```text
///   leader    ├─ write n ── under way, for an election timeout and twice as long ──▶
///   others    ├─ write n ─┤ acknowledged: committed
///   leader                                 ├─ TimeoutNow ─▶ the one that acknowledged last
/// ```
///
/// While a quorum waits for this very disk, one other voter that has done the write is enough, and
/// twice the time (Docs/Decisions/0024-hand-over-before-the-commit.md).
///
/// Room is told when it is asked for: only a leader without any asks.
struct HandOvers: Sendable {
  /// Nothing is handed over before.
  var notBefore = Instant.zero
  /// Who has room, and when it said so.
  var rooms: [(member: MemberID, toldAt: Instant)] = []
}

extension ReplicaCore {
  /// What happens once a heartbeat interval.
  mutating func considerHandOver(_ effects: inout ReplicaEffects) {
    guard core.isLeader, !core.isHandingOver, shutdownAt == nil else { return }
    let (now, timeout) = (now, settings.raft.electionTimeout)
    handOvers.rooms.removeAll { now - $0.toldAt > timeout }
    if pressure == .noSpace { askForRoom(&effects) }
    guard now >= handOvers.notBefore, let (reason, successor) = betterLeader else { return }
    handOvers.notBefore = now + timeout * 10
    effects.notes.append(.handsOver(reason, to: successor))
    feed(.transferLeadership(to: successor), &effects)
  }

  private var betterLeader: (HandOverReason, MemberID)? {
    let timeout = settings.raft.electionTimeout
    if let late = core.lateWrite, isStalled(late) {
      let successor = furthest { follower in
        // It has written all there is, or of late some of it.
        follower.match == core.lastEntry.index
          || follower.acknowledgedAt.map { now - $0 <= timeout } ?? false
      }
      if let successor { return (.lateDisk(now - late.begunAt), successor) }
    }
    guard pressure == .noSpace else { return nil }
    let successor = furthest { follower in
      handOvers.rooms.contains { $0.member == follower.member }
    }
    return successor.map { (.spaceShort, $0) }
  }

  /// Whether it takes long, and more than twice as long as a quorum took: where all disks are slow,
  /// each is behind now and then. If the quorum waits for this very disk, because another voter is
  /// still being brought up, it takes twice that beside the one that does better.
  private func isStalled(_ late: LateWrite) -> Bool {
    let age = now - late.begunAt
    let timeout = settings.raft.electionTimeout
    guard let passedAt = late.passedAt else {
      return age > timeout * 2 && age > (late.heldAt - late.begunAt) * 4
    }
    return age > timeout && age > (passedAt - late.begunAt) * 2
  }

  /// The voter with the longest log that is heard and does well; of equals, the first.
  private func furthest(where doesWell: (Progress) -> Bool) -> MemberID? {
    var best: Progress?
    for follower in core.followers
    where core.configuration[follower.member]?.role == .voter
      && monitor.hears(follower.member, at: now) && doesWell(follower)
    {
      if let best, best.match >= follower.match { continue }
      best = follower
    }
    return best?.member
  }

  // MARK: Room

  private func askForRoom(_ effects: inout ReplicaEffects) {
    for follower in core.followers where core.configuration[follower.member]?.role == .voter {
      effects.sends.append(PeerEnvelope(to: follower.member, message: .roomQuery))
    }
  }

  /// What a leader that asks is told.
  var hasRoom: Bool { pressure == .none }

  mutating func receiveRoom(_ hasRoom: Bool, of member: MemberID) {
    handOvers.rooms.removeAll { $0.member == member }
    if core.isLeader && hasRoom { handOvers.rooms.append((member, now)) }
  }
}
