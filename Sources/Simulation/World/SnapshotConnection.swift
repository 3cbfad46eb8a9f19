import Base
import Raft
import Wire

/// A connection for one snapshot stream, as the kernels of two machines keep it: what is sent
/// arrives in order or not at all, and each end learns of the other's end by itself, late or never.
struct SnapshotConnection {
  struct End {
    var member: Int
    var boot: Boot
    var stream: SnapshotStreamID
    /// Its process has neither closed it nor heard that it is over.
    var isOpen = true
    /// What is on its way here.
    var coming: [Item] = []
    /// When the last of it arrives.
    var lastArrival = Instant.zero
    var decoder = FrameDecoder()
  }

  enum Item {
    case bytes([UInt8])
    /// The other process has closed it, or has ended.
    case end
  }

  /// Chunks on their way before the sender must wait.
  static let windowFrames = 4
  /// Chunks that the receiver's disk has not taken before nothing more is read.
  static let unreadLimit = 8

  let number: Int
  var dialer: End
  /// `nil`: the dial has not arrived.
  var acceptor: End?
  let acceptorPosition: Int
  /// Nothing passes any more, and nobody is told.
  var isSilent = false
  /// The sender waits for room.
  var isFull = false
  /// Chunks that the receiver has read and its disk has not taken.
  var unread = 0

  subscript(isAcceptor: Bool) -> End? {
    get { isAcceptor ? acceptor : dialer }
    set {
      guard let newValue else { return }
      if isAcceptor { acceptor = newValue } else { dialer = newValue }
    }
  }
}
