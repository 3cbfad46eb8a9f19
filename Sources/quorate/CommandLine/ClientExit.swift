/// How a client command ends (Docs/Operations.md, "Exit codes"). Those below 10, and 128, are
/// etcdctl's (etcd pkg/cobrautl/error.go).
enum ClientExit: Int32, CaseIterable {
  /// The server said no: its text is etcd's.
  case failed = 1
  /// No endpoint could be reached. Nothing was sent.
  case badConnection = 2
  /// A transaction on the standard input is malformed.
  case invalidInput = 3
  /// A known flag with a value that it does not take.
  case badFeature = 4
  /// A watch that the server ended.
  case watchCancelled = 5
  /// The member cannot reach a majority, and refuses by the quorum rule.
  case inquorate = 10
  /// No leader is known, or it did not answer in time.
  case noLeader = 11
  /// A write that may have happened.
  case outcomeUnknown = 12
  /// The member's state is older than `--max-staleness` accepts.
  case tooStale = 13
  /// As much is under way as may be.
  case overloaded = 14
  /// The disk or the quota is full.
  case noSpace = 15
  /// The member is starting or stopping.
  case notServing = 16
  /// The time was up, for a read or for a write that was never sent.
  case timedOut = 17
  /// What was to be typed first was not.
  case notConfirmed = 18
  case badArguments = 128
}
