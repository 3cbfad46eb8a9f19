package import Storage
package import KeyValue
package import Member
import Raft
package import Replica

/// What a client loop is told: what its requests and watches have waited for. The request's number
/// is the return address.
package enum ClientLetter: Sendable {
  /// A read that is ready: it is served from the published read view.
  case ready(ReadReady)
  /// What the commands of this loop have come to, in order. The state that shows it is published.
  case applied([ApplyAnswer])
  /// The replica's answer to anything else.
  indirect case answered(Answer)
  /// The state that a request wanted to see.
  indirect case view(RequestID, ReadView)
  /// For the loop's watches.
  indirect case watches(WatchLetter)
  /// What the reading thread has read.
  indirect case rows(RequestID, RowsRead)
  /// The keys that hang on a lease.
  indirect case leaseKeys(RequestID, [[UInt8]])
  /// The rows that were compacted are gone from the table.
  case purged(RequestID)
  /// They are still there after all the time that is given to it.
  case unpurged(RequestID)
  /// Every free page was given back.
  case defragmented(RequestID)
  /// How the member stands.
  indirect case report(RequestID, MemberReport)
  /// `nil`: there is no such lease.
  indirect case leaseTime(RequestID, LeaseTime?)
  /// All leases, by when they end.
  indirect case leases(RequestID, [Int64])
  /// The switch is thrown, or the order was none.
  indirect case links(RequestID, Result<[LinkReport], LinkOrderError>)
  /// Whether the member serves, when that has changed; `nil`: it is not known any more.
  case serving(Bool?)
}

/// How long a lease lasts.
package struct LeaseTime: Hashable, Sendable {
  /// Seconds.
  package var granted: Int64
  package var left: Duration
}

/// What the reading thread has found for a request.
package enum RowsRead: Sendable {
  /// The answer to a range, encoded row by row; `meta`: of the state that was read.
  case range([UInt8], StateMeta)
  case txn(TxnResponse, StateMeta)
  case hash(UInt32, StateMeta)
  case failed(CommandError)
  /// The member has just moved to a snapshot: nothing was done, and the next try succeeds.
  case moved
}

/// What the reading thread is told.
package enum ReadLetter: Sendable {
  case range(RequestID, ResolvedRange)
  case txn(RequestID, TxnRequest, ReadView)
  /// A checksum of everything that is alive at a revision; zero or less: at the newest.
  case hash(RequestID, ReadView, revision: Int64)
  /// Past changes for the watches of one client loop.
  case changes(ChangeRequest, ReadView, loop: Int)
  /// Another generation; the old one is closed.
  case adopt(UnsafeTransfer<any StateReader>)
}
