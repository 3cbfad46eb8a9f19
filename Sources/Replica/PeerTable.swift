import Raft

#if Mutants
  import Mutants
#endif

/// The sessions of this boot, and which forwards of each peer's boot have been taken.
struct PeerTable: Sendable {
  fileprivate struct Peer: Sendable {
    var member: MemberID
    var boot: Boot
    var isOpen: Bool
    /// The highest number of a forward that was taken in that boot.
    var highestForward: UInt64 = 0
    /// Bit n: the forward n below the highest was taken. What is further below counts as taken.
    var forwardsTaken: UInt64 = 0
  }

  /// Sorted by member.
  private var peers: [Peer] = []

  mutating func open(_ member: MemberID, _ boot: Boot) {
    let position = peers.firstIndex { $0.member >= member } ?? peers.count
    guard position < peers.count, peers[position].member == member else {
      return peers.insert(Peer(member: member, boot: boot, isOpen: true), at: position)
    }
    if peers[position].boot == boot {
      peers[position].isOpen = true
    } else {
      peers[position] = Peer(member: member, boot: boot, isOpen: true)
    }
  }

  mutating func close(_ member: MemberID) {
    guard let position = peers.firstIndex(where: { $0.member == member }) else { return }
    peers[position].isOpen = false
  }

  func isOpen(_ member: MemberID) -> Bool {
    peers.first { $0.member == member }?.isOpen ?? false
  }

  /// Whether the forward is of the open session's boot and new; if so it is taken now.
  mutating func take(_ forward: Forward, from member: MemberID) -> Bool {
    guard let position = peers.firstIndex(where: { $0.member == member }),
      peers[position].isOpen, peers[position].boot == forward.boot
    else { return false }
    #if Mutants
      if Mutant.takesForwardsTwice.isPlanted { return true }
    #endif
    return peers[position].take(forward.number)
  }
}

extension PeerTable.Peer {
  fileprivate mutating func take(_ number: UInt64) -> Bool {
    if number > highestForward {
      // A shift by 64 or more leaves nothing, as it should.
      forwardsTaken = forwardsTaken << (number - highestForward) | 1
      highestForward = number
      return true
    }
    let distance = highestForward - number
    guard distance < 64, forwardsTaken & (1 << distance) == 0 else { return false }
    forwardsTaken |= 1 << distance
    return true
  }
}
