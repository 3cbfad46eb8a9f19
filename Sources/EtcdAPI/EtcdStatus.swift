/// How a call ended, as etcd says it: a gRPC status code and etcd's own text.
///
/// Clients match on the text, so it is etcd's to the letter (etcd api/v3rpc/rpctypes/error.go).
public struct EtcdStatus: Error, Hashable, Sendable {
  /// gRPC's status codes (grpc/grpc: doc/statuscodes.md).
  public enum Code: Int, Hashable, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
  }

  public var code: Code
  /// Goes into `grpc-message`.
  public var text: String

  public init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }
}

/// What a request itself does wrong: no member would accept it.
extension EtcdStatus {
  public static let keyNotProvided = Self(.invalidArgument, "etcdserver: key is not provided")
  public static let keyNotFound = Self(.invalidArgument, "etcdserver: key not found")
  public static let valueProvided = Self(.invalidArgument, "etcdserver: value is provided")
  public static let leaseProvided = Self(.invalidArgument, "etcdserver: lease is provided")
  public static let tooManyOperations = Self(
    .invalidArgument, "etcdserver: too many operations in txn request")
  public static let duplicateKey = Self(
    .invalidArgument, "etcdserver: duplicate key given in txn request")
  public static let invalidSortOption = Self(
    .invalidArgument, "etcdserver: invalid sort option")
  public static let requestTooLarge = Self(
    .invalidArgument, "etcdserver: request is too large")
  public static let compacted = Self(
    .outOfRange, "etcdserver: mvcc: required revision has been compacted")
  public static let futureRevision = Self(
    .outOfRange, "etcdserver: mvcc: required revision is a future revision")
  public static let leaseNotFound = Self(.notFound, "etcdserver: requested lease not found")
  public static let leaseExists = Self(
    .failedPrecondition, "etcdserver: lease already exists")
  public static let leaseTTLTooLarge = Self(.outOfRange, "etcdserver: too large lease TTL")
}

/// What keeps a member from serving a request that another member, or a later moment, may serve.
extension EtcdStatus {
  public static let noLeader = Self(.unavailable, "etcdserver: no leader")
  public static let notLeader = Self(.failedPrecondition, "etcdserver: not leader")
  public static let leaderChanged = Self(.unavailable, "etcdserver: leader changed")
  public static let stopped = Self(.unavailable, "etcdserver: server stopped")
  public static let timedOut = Self(.unavailable, "etcdserver: request timed out")
  public static let timedOutLeaderFailed = Self(
    .unavailable, "etcdserver: request timed out, possibly due to previous leader failure")
  public static let timedOutConnectionLost = Self(
    .unavailable, "etcdserver: request timed out, possibly due to connection lost")
  public static let timedOutWaitingForApply = Self(
    .unavailable,
    "etcdserver: request timed out, waiting for the applied index took too long")
  public static let timedOutLeaderTransfer = Self(
    .unavailable, "etcdserver: request timed out, leader transfer took too long")
  public static let unhealthy = Self(.unavailable, "etcdserver: unhealthy cluster")
  public static let tooManyRequests = Self(
    .resourceExhausted, "etcdserver: too many requests")
  public static let noSpace = Self(
    .resourceExhausted, "etcdserver: mvcc: database space exceeded")
  /// Our own: etcd's caller waits for ever.
  public static let notPurged = Self(
    .deadlineExceeded,
    "etcdserver: compacted, but rows are still in the files: a snapshot or a slow disk holds them, "
      + "and they go by themselves when it is over")
  public static let corrupt = Self(.dataLoss, "etcdserver: corrupt cluster")
  public static let wrongDowngradeVersionFormat = Self(
    .invalidArgument, "etcdserver: wrong downgrade target version format")
  public static let invalidDowngradeVersion = Self(
    .invalidArgument, "etcdserver: invalid downgrade target version")
  public static let noInflightDowngrade = Self(
    .failedPrecondition, "etcdserver: no inflight downgrade job")
  public static let notCapable = Self(.failedPrecondition, "etcdserver: not capable")
  public static let notSupportedForLearner = Self(
    .failedPrecondition, "etcdserver: rpc not supported for learner")
}

/// What speaks against a change of the members, or of who leads them.
extension EtcdStatus {
  public static let memberExists = Self(
    .failedPrecondition, "etcdserver: member ID already exist")
  public static let memberNotFound = Self(.notFound, "etcdserver: member not found")
  public static let peerURLExists = Self(
    .failedPrecondition, "etcdserver: Peer URLs already exists")
  public static let badMemberURLs = Self(
    .invalidArgument, "etcdserver: given member URLs are invalid")
  public static let tooManyLearners = Self(
    .failedPrecondition, "etcdserver: too many learner members in cluster")
  public static let memberNotLearner = Self(
    .failedPrecondition, "etcdserver: can only promote a learner member")
  public static let learnerNotReady = Self(
    .failedPrecondition,
    "etcdserver: can only promote a learner member which is in sync with leader")
  /// Of code `unknown`: etcd's table of errors lacks it.
  public static let notEnoughStarted = Self(
    .unknown,
    "etcdserver: re-configuration failed due to not enough started members")
  public static let badLeaderTransferee = Self(
    .failedPrecondition, "etcdserver: bad leader transferee")
}
