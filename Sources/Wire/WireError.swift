public import Base

/// Why bytes from a peer are refused. The connection is over; no state was changed by them.
public enum WireError: Error, Hashable, Sendable {
  /// Not a frame of ours at all.
  case badMagic(UInt16)
  /// The peer speaks a frame layout that this build does not know.
  case unknownVersion(UInt8)
  case unknownFrameKind(UInt8)
  case frameTooLong(bytes: Int, limitBytes: Int)
  /// The header's or the payload's checksum does not match.
  case damaged
  /// A frame that passed its checksum does not hold what its kind says.
  case malformed(CodingError)
  /// The pieces of a long message do not follow each other, or are more than was announced.
  case piecesDisagree
  case messageTooLong(bytes: Int, limitBytes: Int)
  /// An InstallSnapshot as a message: it may only be concluded from a verified stream.
  case snapshotWithoutStream
}
