public import Raft
public import Replica

/// What a connection between two members carries.
///
/// On the wire each is one frame, or, a long message, several pieces (Docs/WireFormat.md):
///
/// ```text
///  0      2         3      4        8               12              16
///  | magic | version | kind | length | payload CRC-32C | header CRC-32C | payload … |
/// ```
///
/// Numbers are little-endian; `length` counts the payload; the header's checksum covers its first
/// twelve bytes.
public enum Frame: Hashable, Sendable {
  /// The first frame of either side.
  case hello(Hello)
  case message(PeerMessage)
  case snapshot(SnapshotFrame)
  /// The only frame of who has no place in the store yet.
  case joinQuery(JoinQuery)
  case joinAnswer(JoinAnswer)
}

/// The handshake of one connection.
public struct Hello: Hashable, Sendable {
  /// What the connection is for.
  public enum Purpose: UInt8, CaseIterable, Hashable, Sendable {
    /// Messages.
    case control = 0
    /// One snapshot stream.
    case snapshot = 1
  }

  /// The newest protocol this build speaks; both sides go by the lower one.
  public static let newestProtocol: UInt32 = 3
  /// The first in which a snapshot's two sides say that their disks are at work.
  public static let workingProtocol: UInt32 = 3

  public var newestProtocol: UInt32
  public var purpose: Purpose
  public var handshake: Handshake

  public init(
    newestProtocol: UInt32 = Hello.newestProtocol, purpose: Purpose, handshake: Handshake
  ) {
    self.newestProtocol = newestProtocol
    self.purpose = purpose
    self.handshake = handshake
  }
}

/// One step of a snapshot's way to a follower, on a connection of its own.
public enum SnapshotFrame: Hashable, Sendable {
  case header(Header)
  case chunk(Chunk)
  case end(End)
  /// The receiver has verified all of it and holds it durably.
  case accepted(LogBase)
  /// The receiver stopped; the sender may begin anew.
  case rejected(Rejection)
  /// The disk of the side that says so is at work on what the other waits for, or what was sent
  /// has got there.
  case working

  /// What comes.
  public struct Header: Hashable, Sendable {
    /// The sender's term as leader.
    public var term: Term
    public var base: LogBase
    /// The encoded small tables and row count, opaque here.
    public var meta: [UInt8]

    public init(term: Term, base: LogBase, meta: [UInt8]) {
      self.term = term
      self.base = base
      self.meta = meta
    }
  }

  public struct Chunk: Hashable, Sendable {
    /// Counted from zero, without gaps.
    public var number: UInt64
    public var bytes: [UInt8]

    public init(number: UInt64, bytes: [UInt8]) {
      self.number = number
      self.bytes = bytes
    }
  }

  /// All chunks were sent.
  public struct End: Hashable, Sendable {
    public var chunks: UInt64
    /// CRC-32C over the bytes of all chunks, in order.
    public var checksum: UInt32

    public init(chunks: UInt64, checksum: UInt32) {
      self.chunks = chunks
      self.checksum = checksum
    }
  }

  public enum Rejection: UInt8, CaseIterable, Hashable, Sendable {
    /// The receiver has it, or a newer one.
    case notNeeded = 0
    case damaged = 1
    /// The receiver's disk failed or is full.
    case noSpace = 2
    /// A later stream has taken its place. (A receiver of protocol 2 means that it refuses a second
    /// one.)
    case displaced = 3
    /// The receiver's term is higher.
    case staleTerm = 4
  }
}
