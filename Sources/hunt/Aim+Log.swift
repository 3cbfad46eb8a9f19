import Mutants

/// Commits, reads, log and snapshots.
extension Aim {
  static let log: [Mutant: [String]] = [
    .commitsOlderTerms: [
      "RaftTests.`Raft §5.4.2 Figure 8`/`an entry of an earlier term is not committed "
        + "by counting copies`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
    ],
    .countsOwnCopyEarly: [
      "RaftTests.`Thesis §10.2.1`/`a leader counts itself only when its write is done`()"
    ],
    .countsSentEntries: [
      "RaftTests.PlaceTests/`a data directory is bound once`()",
      "RaftTests.PlaceTests/`a learner takes a voter's place in one step, and both halves agree`()",
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.PlaceTests/`whoever is replaced leaves with the old half`()",
      "RaftTests.`Raft §5.3`/`entries that memory no longer holds are read from disk, for "
        + "followers too`()",
      "RaftTests.`Raft §5.3`/`what was lost on the way is asked after and sent again`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`an entry of an earlier term is not committed by counting "
        + "copies`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Raft §5.4`/`a candidate behind a quorum cannot win, not even a pre-vote`()",
      "RaftTests.`Raft §6`/`a joint configuration commits nothing without a majority of either "
        + "half`(away:)",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`a snapshot that fails is tried again, at the pace of heartbeats`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Thesis §10.2.1`/`a leader counts itself only when its write is done`()",
      "RaftTests.`Thesis §3.10`/`the target waits until it has everything`()",
      "RaftTests.`Thesis §3.10`/`while handing over nothing is appended, and after an election "
        + "timeout it ends`()",
      "RaftTests.`Thesis §3.10`/`without a name it goes to the longest log`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, and then no "
        + "more`()",
      "RaftTests.`Thesis §4`/`membership after a restart is what it was`()",
      "RaftTests.`Thesis §6.4`/`a follower's read is confirmed by the leader`()",
      "RaftTests.`Thesis §6.4`/`a joint configuration confirms reads in both halves`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §9.6`/`a refusal teaches its term, so the longer log is elected at "
        + "last`()",
      "ReplicaTests.GatheringTests/`a forward that gathers at a leader which is deposed is "
        + "refused`()",
      "ReplicaTests.GatheringTests/`commands that others forward gather at the leader, with its "
        + "own`()",
      "ReplicaTests.LeadershipTests/`at the deadline of a shutdown everything is answered`()",
      "ReplicaTests.OutcomeTests/`a command whose slot went to another entry is lost, for "
        + "certain`()",
      "ReplicaTests.OutcomeTests/`an appended command that nobody confirms is unknown, even when "
        + "cut off`()",
    ],
    .takesForwardsOfAnyTerm: [
      "ReplicaTests.OutcomeTests/`a forward of another term is refused, one of another boot is "
        + "dropped`()",
      "ReplicaTests.ReconfigurationTests/`of who is no member any more nothing is appended`()",
    ],
    .standsBeforeSnapshot: [
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Raft §7`/`nothing is handed over between a snapshot and the state machine's move "
        + "to it`()",
      "ReplicaTests.ForwardTests/`a command of a term that a snapshot has left behind is unknown "
        + "at once`()",
      "ReplicaTests.ForwardTests/`of what a snapshot may hold no term tells anything`()",
      "ReplicaTests.OutcomeTests/`a slot that passed inside a snapshot leaves the outcome "
        + "unknown`()",
    ],
    .readsBeforeOwnCommit: [
      "RaftTests.`Raft §8`/`no read before the first commit of the term`()"
    ],
    .confirmsNewestRound: [
      "RaftTests.`Thesis §6.4`/`a read waits for a round that began after it, not for "
        + "an older answer`()"
    ],
    .confirmsStaleRound: [
      "RaftTests.`Thesis §6.4`/`the answer to a heartbeat of an earlier term confirms "
        + "no round`()"
    ],
    .dropsUnconfirmedReads: [
      "ReplicaTests.ReadTests/`a leader that was replaced does not serve a linearizable read`()"
    ],
    .followersServeReads: [
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §6.4`/`a read is refused at once where no leader is known`()",
      "RaftTests.`Thesis §6.4`/`a silent leader's reads end after an election timeout`()",
      "ReplicaTests.ReadTests/`a serializable read is served at once, and refused when "
        + "older than accepted`()",
      "ReplicaTests.ReadTests/`reads that come together share one question`()",
    ],
    .cutsBeforeFlush: [
      "RaftTests.`Raft §7`/`the log is kept as long as its entries are not applied durably`()"
    ],
    .truncatesWhatItHolds: [
      "RaftTests.`Raft §5.3`/`a late shorter append takes nothing away`()",
      "RaftTests.`Raft §5.3`/`a repeated append is acknowledged no earlier than the first`()",
      "RaftTests.`Raft §5.3`/`only entries that conflict are replaced`()",
    ],
    .trustsStaleWrites: [
      "RaftTests.`Thesis §10.2.1`/`a write that was overtaken by a truncation counts "
        + "for nothing, even if it looks right`()"
    ],
    .acknowledgesStaleWrites: [
      "RaftTests.`Thesis §10.2.1`/`a write that was overtaken by a truncation counts "
        + "for nothing, even if it looks right`()"
    ],
    .appliesDuringInstall: [
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "ReplicaTests.ForwardTests/`a command of a term that a snapshot has left behind is unknown "
        + "at once`()",
      "ReplicaTests.ForwardTests/`of what a snapshot may hold no term tells anything`()",
      "ReplicaTests.OutcomeTests/`a slot that passed inside a snapshot leaves the outcome "
        + "unknown`()",
    ],
    .takesStaleSnapshots: [
      "RaftTests.`Raft §7`/`a snapshot brings its members, and one in flight in the old "
        + "log goes`()",
      "ReplicaTests.ForwardTests/`a command of a term that a snapshot has left behind "
        + "is unknown at once`()",
      "ReplicaTests.ForwardTests/`of what a snapshot may hold no term tells anything`()",
    ],
    .sendsNoSnapshot: [
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`a snapshot that fails is tried again, at the pace of heartbeats`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Raft §7`/`the log does not wait for a snapshot that has failed`()",
      "RaftTests.`Raft §7`/`the log does not wait for whoever is not heard, nor beyond a limit`()",
      "RaftTests.`Raft §7`/`the log waits for whoever a snapshot brings up, until it is back`()",
    ],
    .takesNewestGeneration: [
      "StorageTests.`a power loss below real files`/`breaks no promise at any operation`(seed:)",
      "StorageTests.damage/`of the end of raft.db's WAL is told from a torn tail`()",
      "StorageTests.damage/`of the end of the log is told from a torn tail`()",
    ],
    .believesAnyPayload: [
      "WireTests.FrameTests/`no flipped bit gets through`()"
    ],
    .cutsBehindSnapshots: [
      "RaftTests.`Raft §7`/`the log does not wait for whoever is not heard, nor beyond a limit`()",
      "RaftTests.`Raft §7`/`the log waits for whoever a snapshot brings up, until it is back`()",
    ],
    .keepsLogForTheSlowest: [
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`a snapshot that fails is tried again, at the pace of heartbeats`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Raft §7`/`the log does not wait for a snapshot that has failed`()",
      "RaftTests.`Raft §7`/`the log does not wait for whoever is not heard, nor beyond a limit`()",
      "RaftTests.`Raft §7`/`the log waits for whoever a snapshot brings up, until it is back`()",
    ],
  ]
}
