extension Story {
  /// Every story.
  public static let all: [Story] = [
    .oldTerm, .lateTerm, .lateAnswer, .wiped, .readOfTheDead, .quorumLoss, .quietReturn,
    .figure8, .disjointMajorities, .parallelChanges, .lateForward, .lateSnapshot, .unknownPromotion,
    .lastVoter,
    .absentLearner, .slowFollower, .busyReturn, .heldForward, .changedState, .doublePlace,
    .blindSpare, .spareTakesOver, .successor, .successorAndSpare, .earlierHeartbeat, .earlierRead,
    .earlierHandshake, .passedSlot, .removedFounder, .newLeader, .departedAlarm, .lostAlarm,
    .formingOnce, .formingBetween, .lateFounder, .silentSender, .silentReceiver, .stalledSender,
    .lateDisk,
    .fullLeader, .slowDisks, .allFull,
  ]
}
