public import Raft

/// What the lab does to the link with one peer, each direction for itself.
public struct Link: Hashable, Sendable {
  public enum State: String, Hashable, Sendable, CaseIterable {
    /// As the network has it.
    case open
    /// Bytes are neither sent nor read; connections stay up and nobody is told, as when a cable
    /// is cut. New connections do not come about. What the system had taken to send before, 128 KiB
    /// and its own buffer at most, may still reach a peer whose own switch is open.
    case silent
    /// Connections are broken at once and refused; either direction breaks both.
    case reset
  }

  /// From this member to the peer.
  public var send: State
  /// From the peer to this member.
  public var receive: State

  public init(send: State = .open, receive: State = .open) {
    self.send = send
    self.receive = receive
  }

  public static let open = Link()

  /// A handshake needs both directions.
  var canConnect: Bool { self == .open }

  var isReset: Bool { send == .reset || receive == .reset }
}

/// How the transport stands with one peer.
public struct PeerStatus: Hashable, Sendable {
  public var id: MemberID
  public var link: Link
  /// The boot of the standing session; `nil`: there is none.
  public var session: Boot?
  /// Messages that were dropped because no session stood, its buffer was full or the link cut.
  public var dropped: UInt64
}
