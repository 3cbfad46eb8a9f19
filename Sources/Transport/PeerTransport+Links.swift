import NIOCore
public import Raft

extension PeerTransport {
  /// Throws the lab's switch for one peer; it has taken effect when this returns.
  ///
  /// What is healed gets new connections at once: bytes that were under way when the link was cut
  /// are never delivered, as if the old connection had timed out.
  public func setLink(_ link: Link, with id: MemberID) {
    loop.preconditionInEventLoop()
    guard let index = index(of: id), peers[index].link != link else { return }
    let old = peers[index].link
    peers[index].link = link
    let connections = connections(with: id)
    for connection in connections {
      if link.isReset || link == .open {
        abandon(connection, breaking: true)
      } else {
        connection.cut(link)
      }
    }
    if link == .open && old != .open {
      guard let index = self.index(of: id) else { return }
      peers[index].backoff.reset()
      peers[index].nextDial?.cancel()
      peers[index].nextDial = nil
      dialIfNeeded(id)
    }
  }

  private func connections(with id: MemberID) -> [PeerConnection] {
    var connections: [PeerConnection] = []
    if let peer = peers.first(where: { $0.id == id }) {
      if let session = peer.session { connections.append(session) }
      if let dialing = peer.dialing { connections.append(dialing) }
    }
    connections += strangers.values.filter { $0.peer == id }
    connections += snapshots.values.filter { $0.peer == id }
    return connections
  }
}
