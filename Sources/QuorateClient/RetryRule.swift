import EtcdAPI

/// Whether a call that failed at one endpoint may be made at another.
///
/// A read may always be. A write may be only when it certainly did nothing: it never left, or the
/// server says that it was refused before it was appended. Everything else may have happened, and
/// a second time would be one too many.
public enum RetryRule {
  public enum Access: Hashable, Sendable, CaseIterable {
    /// Changes nothing: Range, Status, HashKV, MemberList, a transaction of ranges.
    case read
    /// Put, DeleteRange, Compact, any other transaction.
    case write
  }

  public enum Verdict: Hashable, Sendable, CaseIterable {
    case tryElsewhere
    /// Ends the call: nothing was done, and no other endpoint would do better.
    case refused
    /// Ends the call: the server's answer stands.
    case answered
    /// Ends the call: the write may have happened.
    case outcomeUnknown
    /// Ends the call: there is no time left for another try.
    case timedOut
  }

  public static func verdict(_ access: Access, _ failure: CallFailure) -> Verdict {
    switch failure.delivery {
    case .neverSent:
      return failure.status.code == .deadlineExceeded ? .timedOut : .tryElsewhere
    case .maybeSent:
      switch access {
      case .write: return .outcomeUnknown
      case .read: return isOver(failure.status) ? .timedOut : .tryElsewhere
      }
    case .answered:
      if let why = failure.why { return verdict(access, why) }
      switch access {
      case .read: return verdictOfRead(failure.status)
      case .write: return verdictOfWrite(failure.status)
      }
    }
  }

  /// A Quorate member says itself whether the request had an effect.
  private static func verdict(_ access: Access, _ why: Why) -> Verdict {
    guard access == .read || why.hasNoEffect else { return .outcomeUnknown }
    switch why.rule {
    case .inquorate, .noLeader, .leaderUnreachable, .leaderChanged, .notLeader, .overloaded,
      .tooStale, .stopping, .forming, .outcomeUnknown, .noSpace, .applyBehind,
      .poisoned, .corrupt:
      return .tryElsewhere
    case .tooLarge, .membership, .other:
      return .refused
    }
  }

  /// etcd's own client repeats reads on UNAVAILABLE (etcd client/v3/retry.go
  /// `isSafeRetryImmutableRPC`).
  private static func verdictOfRead(_ status: EtcdStatus) -> Verdict {
    if isOver(status) { return .timedOut }
    return status.code == .unavailable || isBeforeAppend(status) ? .tryElsewhere : .answered
  }

  private static func verdictOfWrite(_ status: EtcdStatus) -> Verdict {
    if isBeforeAppend(status) { return .tryElsewhere }
    switch status.code {
    // The result of the command itself, or of the checks before it.
    case .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .resourceExhausted,
      .failedPrecondition, .outOfRange, .unimplemented, .unauthenticated:
      return .answered
    // A time-out, a stop, a changed leader: all can come after the append.
    case .ok, .cancelled, .unknown, .deadlineExceeded, .aborted, .internal, .unavailable,
      .dataLoss:
      return .outcomeUnknown
    }
  }

  /// What etcd answers before it proposes anything (etcd v3rpc/interceptor.go; v3_server.go
  /// `processInternalRaftRequestOnce`).
  private static func isBeforeAppend(_ status: EtcdStatus) -> Bool {
    [.tooManyRequests, .notCapable, .notSupportedForLearner, .noLeader, .notEnoughStarted]
      .contains(status)
  }

  private static func isOver(_ status: EtcdStatus) -> Bool {
    status.code == .deadlineExceeded || status.code == .cancelled
  }
}
