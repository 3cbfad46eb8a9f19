import Checksum
import Raft
import Replica
import Storage
import Wire

/// A snapshot on its way from one member's disk to another's, on a connection of its own: whole
/// and in order, or broken.
struct SnapshotStream {
  var request: SnapshotRequest
  var from: Int
  var fromBoot: Boot
  var to: Int
  var toBoot: Boot
  /// The sender's term as leader.
  var term: Term
  var base: LogBase
  var source: any SnapshotSource
  /// `nil`: the header has not arrived.
  var sink: (any SnapshotSink)?
  var chunks: UInt64 = 0
  /// The checksums of all chunks, on both ends.
  var sent = CRC32C()
  var received = CRC32C()
  var decoder = FrameDecoder()
}
