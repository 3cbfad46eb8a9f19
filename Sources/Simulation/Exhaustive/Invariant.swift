/// What is looked at in every state.
public enum Invariant: String, CaseIterable, Hashable, Sendable {
  /// No message rests on what a crash could take back (Raft Figure 2).
  case durablePromises = "durable promises"
  /// At most one vote a term and member, across crashes (Raft §5.2).
  case oneVoteATerm = "one vote a term"
  /// At most one leader a term (Raft Figure 3, §5.2).
  case electionSafety = "election safety"
  /// An index and term name one content and one predecessor (Raft Figure 3, §5.3).
  case logMatching = "log matching"
  /// What is committed is in the log of every later leader (Raft Figure 3, §5.4).
  case leaderCompleteness = "leader completeness"
  /// What is committed anywhere is committed for all (Raft Figure 3, §5.4).
  case stateMachineSafety = "state machine safety"
  /// What is committed is on the disks of a majority (Raft §5.3, §6).
  case majorityDurability = "majority durability"
  /// Only what is on a member's own disk is handed to its state machine.
  case durableDelivery = "durable delivery"
  /// Entries are handed to the state machine one after the other, and none while it moves to a
  /// snapshot (Raft §7).
  case orderedDelivery = "ordered delivery"
  /// On disk, log and state leave no gap between them (Raft §7).
  case meetingState = "log and state meet"
  /// A read is served no earlier than at what was committed when it was asked (Raft §8).
  case currentReads = "current reads"
  /// The members are those of the log's last configuration (Raft §6).
  case membershipFold = "membership fold"

  /// What Raft promises to those who use it; the others are how it keeps the promise.
  public static let outcomes: [Invariant] = [
    .oneVoteATerm, .electionSafety, .logMatching, .leaderCompleteness, .stateMachineSafety,
    .currentReads,
  ]
}

/// A state that must not be.
public struct Violation: Hashable, Sendable {
  public var invariant: Invariant
  /// One sentence.
  public var text: String
}
