import Raft

/// The sessions of this boot, and which forwards of each peer's boot have been taken.
struct PeerTable: Sendable {
  fileprivate struct Peer: Sendable {
    var member: MemberID
    var boot: Boot
    var isOpen: Bool
    /// Of the boots that it was met in last, the latest met last. A late handshake of an earlier
    /// boot opens a session with that one for a moment; it must not make the later one's forwards
    /// new.
    var taken: [Taken]
  }

  /// The forwards that were taken in one boot.
  fileprivate struct Taken: Sendable {
    var boot: Boot
    /// The highest number of a forward that was taken.
    var highest: UInt64 = 0
    /// Bit n: the forward n below the highest was taken. What is further below counts as taken.
    var bits: UInt64 = 0
  }

  /// Boots of one member whose forwards are remembered.
  fileprivate static let bootLimit = 4

  /// Sorted by member.
  private var peers: [Peer] = []

  mutating func open(_ member: MemberID, _ boot: Boot) {
    let position = peers.firstIndex { $0.member >= member } ?? peers.count
    guard position < peers.count, peers[position].member == member else {
      let peer = Peer(member: member, boot: boot, isOpen: true, taken: [Taken(boot: boot)])
      return peers.insert(peer, at: position)
    }
    peers[position].open(boot)
  }

  mutating func close(_ member: MemberID) {
    guard let position = peers.firstIndex(where: { $0.member == member }) else { return }
    peers[position].isOpen = false
  }

  func isOpen(_ member: MemberID) -> Bool {
    peers.first { $0.member == member }?.isOpen ?? false
  }

  /// Whether the forward is of the open session's boot and new; if so it is taken now.
  mutating func take(_ number: UInt64, of boot: Boot, from member: MemberID) -> Bool {
    guard let position = peers.firstIndex(where: { $0.member == member }),
      peers[position].isOpen, peers[position].boot == boot
    else { return false }
    guard let last = peers[position].taken.indices.last else { return false }
    return peers[position].taken[last].take(number)
  }
}

extension PeerTable.Peer {
  /// The record of the present boot is the last one.
  fileprivate mutating func open(_ boot: Boot) {
    isOpen = true
    guard self.boot != boot else { return }
    self.boot = boot
    let known = taken.firstIndex { $0.boot == boot }
    let record = known.map { taken.remove(at: $0) } ?? PeerTable.Taken(boot: boot)
    taken.append(record)
    if taken.count > PeerTable.bootLimit { taken.removeFirst() }
  }
}

extension PeerTable.Taken {
  fileprivate mutating func take(_ number: UInt64) -> Bool {
    if number > highest {
      // A shift by 64 or more leaves nothing, as it should.
      bits = bits << (number - highest) | 1
      highest = number
      return true
    }
    let distance = highest - number
    guard distance < 64, bits & (1 << distance) == 0 else { return false }
    bits |= 1 << distance
    return true
  }
}
