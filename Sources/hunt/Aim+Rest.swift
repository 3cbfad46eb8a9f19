import Mutants

/// Membership, storage, state machine, and promises of our own.
extension Aim {
  static let rest: [Mutant: [String]] = [
    .changesBeforeOwnCommit: [
      "RaftTests.`Thesis §4`/`no change before this leader has committed in its term`()"
    ],
    .changesAtCommit: [
      "RaftTests.PlaceTests/`a data directory is bound once`()",
      "RaftTests.PlaceTests/`a learner takes a voter's place in one step, and both halves agree`()",
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.PlaceTests/`who is none any more knows it from what is committed`()",
      "RaftTests.PlaceTests/`whoever is replaced leaves with the old half`()",
      "RaftTests.`Raft §6`/`a configuration is in force when appended, and gone when truncated`()",
      "RaftTests.`Raft §6`/`a joint configuration commits nothing without a majority of either "
        + "half`(away:)",
      "RaftTests.`Raft §6`/`a removed member neither disturbs nor is counted`()",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, and then no "
        + "more`()",
      "RaftTests.`Thesis §4`/`membership after a restart is what it was`()",
      "RaftTests.`Thesis §6.4`/`a joint configuration confirms reads in both halves`()",
      "ReplicaTests.ReconfigurationTests/`a learner that nobody promised a vote waits to be "
        + "promoted`()",
      "ReplicaTests.ReconfigurationTests/`a member that was wiped gets another place, and never "
        + "fewer count`()",
      "ReplicaTests.ReconfigurationTests/`a spare takes the place of a voter that is dead for "
        + "long, and no sooner`()",
      "ReplicaTests.ReconfigurationTests/`of who is no member any more nothing is appended`()",
      "ReplicaTests.ReconfigurationTests/`who comes is bound, fed, and votes within two seconds`()",
      "ReplicaTests.upkeep/`the alarm of a member that is removed goes with it`()",
    ],
    .learnersDoNotVote: [
      "RaftTests.`Thesis §4`/`a learner that was promoted without knowing it gives its vote`()"
    ],
    .keepsTruncatedChange: [
      "RaftTests.`Raft §6`/`a configuration is in force when appended, and gone when "
        + "truncated`()"
    ],
    .forgetsMembersAtStart: [
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, "
        + "and then no more`()",
      "RaftTests.`Thesis §4`/`membership after a restart is what it was`()",
    ],
    .changesInParallel: [
      "RaftTests.`Thesis §4`/`one change at a time`()"
    ],
    .countsNewHalfOnly: [
      "RaftTests.`Quorum arithmetic`/`a joint quorum needs both halves`()",
      "RaftTests.`Raft §6`/`a joint configuration commits nothing without a majority of "
        + "either half`(away:)",
    ],
    .removesLastVoter: [
      "RaftTests.`Thesis §4`/`the last voter stays`()"
    ],
    .bindsAnyDirectory: ["RaftTests.PlaceTests/`a data directory is bound once`()"],
    .callsSparesBlindly: [
      "ReplicaTests.MembershipRuleTests/`a spare is called only while a majority answers before "
        + "and after`()"
    ],
    .promotesUnseen: [
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
    ],
    .writesIndexApart: [
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
      "StorageTests.`a power loss below real files`/`breaks no promise at any operation`(seed:)",
    ],
    .goesOnAfterErrors: [
      "StorageTests.`a failing disk`/`stops the log at its first error and is never asked "
        + "again`(operation:)",
      "StorageTests.`a failing disk`/`stops the state at a failing flush, before durableApplied "
        + "moves`(name:)",
      "StorageTests.`a failing disk`/`that lies about a row is caught when the row is read`()",
      "StorageTests.`a member's store`/`meets its log, or says which of the two is short`(kind:)",
    ],
    .commitsWithoutSync: [
      "StorageTests.`a data directory`/`survives a kill`()",
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
      "StorageTests.`a failing disk below real files`/`that is slow to sync holds up the commit "
        + "until it has`()",
      "StorageTests.`a failing disk`/`stops the log at its first error and is never asked "
        + "again`(operation:)",
      "StorageTests.`a failing disk`/`that is full without a reserve stops the member and loses no "
        + "promise`()",
      "StorageTests.`a power loss below real files`/`breaks no promise at any operation`(seed:)",
      "StorageTests.`a power loss below real files`/`takes what was not synced, and nothing "
        + "else`()",
      "StorageTests.`a start after a process died`/`keeps the landmark that a failed sync has "
        + "lowered`()",
      "StorageTests.`a start after a process died`/`stops when what it found cannot be written`()",
      "StorageTests.`a start after a process died`/`takes the state that it found as "
        + "durable`(name:after:)",
      "StorageTests.damage/`of the end of raft.db's WAL is told from a torn tail`()",
      "StorageTests.damage/`of the end of the log is told from a torn tail`()",
      "StorageTests.`the log on real files`/`loses nothing when the power goes while it gives "
        + "segments back`()",
    ],
    .forgetsSegmentNames: [
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
      "StorageTests.`a failing disk`/`stops the log at its first error and is never asked "
        + "again`(operation:)",
      "StorageTests.`a failing disk`/`that is full without a reserve stops the member and loses no "
        + "promise`()",
      "StorageTests.`a log of format 1`/`survives a power loss at any operation of the move`()",
      "StorageTests.`the log on real files`/`loses nothing when the power goes while it gives "
        + "segments back`()",
    ],
    .flushesWithoutSync: [
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
      "StorageTests.`a failing disk`/`stops the state at a failing flush, before durableApplied "
        + "moves`(name:)",
      "StorageTests.`a power loss below real files`/`breaks no promise at any operation`(seed:)",
      "StorageTests.`a start after a process died`/`takes the state that it found as "
        + "durable`(name:after:)",
    ],
    .believesAnyFollower: [
      "StorageTests.`the log on real files`/`does not take up what an unfinished commit has left "
        + "behind`()"
    ],
    .dropsSegmentsEarly: [
      "StorageTests.`the log on real files`/`loses nothing when the power goes while it gives "
        + "segments back`()"
    ],
    .acknowledgesEarly: [
      "RaftTests.PlaceTests/`a data directory is bound once`()",
      "RaftTests.PlaceTests/`a learner takes a voter's place in one step, and both halves agree`()",
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.PlaceTests/`who is none any more knows it from what is committed`()",
      "RaftTests.PlaceTests/`whoever is replaced leaves with the old half`()",
      "RaftTests.`Connection loss`/`a killed leader is replaced in tens of milliseconds`()",
      "RaftTests.`Connection loss`/`short intervals are bounded, then ordinary timeouts hold`()",
      "RaftTests.`Raft §5.1`/`a stale leader steps down when a follower answers in a later term`()",
      "RaftTests.`Raft §5.2`/`a split vote is tried again`()",
      "RaftTests.`Raft §5.3`/`Figure 7: a follower's log becomes the leader's in few "
        + "questions`(name:terms:)",
      "RaftTests.`Raft §5.3`/`a repeated append is acknowledged no earlier than the first`()",
      "RaftTests.`Raft §5.3`/`an acknowledgement lies inside the write that it rests on`()",
      "RaftTests.`Raft §5.3`/`entries that memory no longer holds are read from disk, for "
        + "followers too`()",
      "RaftTests.`Raft §5.3`/`what was lost on the way is asked after and sent again`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Raft §5.4`/`a candidate behind a quorum cannot win, not even a pre-vote`()",
      "RaftTests.`Raft §6`/`a joint configuration commits nothing without a majority of either "
        + "half`(away:)",
      "RaftTests.`Raft §6`/`a removed member neither disturbs nor is counted`()",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`a snapshot that fails is tried again, at the pace of heartbeats`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Thesis §10.2.1`/`a leader counts itself only when its write is done`()",
      "RaftTests.`Thesis §10.2.1`/`followers alone can commit before the leader's disk is done`()",
      "RaftTests.`Thesis §3.10`/`leadership moves to the one that was named, without a pre-vote`()",
      "RaftTests.`Thesis §3.10`/`the target waits until it has everything`()",
      "RaftTests.`Thesis §3.10`/`while handing over nothing is appended, and after an election "
        + "timeout it ends`()",
      "RaftTests.`Thesis §3.10`/`without a name it goes to the longest log`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, and then no "
        + "more`()",
      "RaftTests.`Thesis §4`/`membership after a restart is what it was`()",
      "RaftTests.`Thesis §6.2`/`a leader that hears no quorum for an election timeout steps "
        + "down`()",
      "RaftTests.`Thesis §6.2`/`two halves of four both stop`()",
      "RaftTests.`Thesis §6.4`/`a follower's read is confirmed by the leader`()",
      "RaftTests.`Thesis §6.4`/`a joint configuration confirms reads in both halves`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §6.4`/`a silent leader's reads end after an election timeout`()",
      "RaftTests.`Thesis §6.4`/`every read is answered, whatever becomes of its leader`()",
      "RaftTests.`Thesis §9.6`/`a refusal teaches its term, so the longer log is elected at "
        + "last`()",
      "ReplicaTests.GatheringTests/`a slow majority is not waited for longer than the limit`()",
    ],
    .takesDamageForTornTail: [
      "StorageTests.`the log on real files`/`opens with the pages of earlier builds`()",
      "StorageTests.damage/`of the end of raft.db's WAL is told from a torn tail`()",
      "StorageTests.damage/`of the end of the log is told from a torn tail`()",
      "StorageTests.damage/`of the log below its landmark is refused, and says both places`()",
    ],
    .refusesTornTails: [
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
      "StorageTests.`a failing disk below real files`/`leaves half a commit, which the next start "
        + "cuts off`()",
      "StorageTests.`the log on real files`/`does not take up what an unfinished commit has left "
        + "behind`()",
      "StorageTests.damage/`of the end of raft.db's WAL is told from a torn tail`()",
      "StorageTests.damage/`of the end of the log is told from a torn tail`()",
      "StorageTests.`the log on real files`/`loses nothing when the power goes while it gives "
        + "segments back`()",
    ],
    .keepsLandmarkHigh: [
      "StorageTests.`a start after a process died`/`keeps the landmark that a failed sync has "
        + "lowered`()"
    ],
    .keepsReserve: [
      "StorageTests.`a failing disk`/`that is full gives up its reserve once, and refuses what "
        + "grows`()"
    ],
    .readsUnscrubbed: [
      "KeyValueTests.CommandTests/`a revision that is not there is an error, one below "
        + "one is the newest`()"
    ],
    .checksRangesLate: [
      "KeyValueTests.CommandTests/`a transaction has one revision, reads its own "
        + "writes, and is all or nothing`()"
    ],
    .startsWithoutRows: [
      "KeyValueTests.CompactionTests/`a scrub that a crash interrupts begins again`()",
      "KeyValueTests.LeaseTests/`leases and what hangs on them come back from the table`()",
      "StorageTests.`a backup`/`a copy without a hash is refused with a row that is gone`()",
      "StorageTests.`a backup`/`holds one moment's state, and needs no file beside it`(kind:)",
      "StorageTests.`a disk that fills up`/`loses no row when the power goes while it gives pages "
        + "back`()",
    ],
    .halfIsQuorate: [
      "ReplicaTests.QuorumMonitorTests/`R at most half of N is inquorate, for every R`(voters:)",
      "ReplicaTests.QuorumMonitorTests/`a joint configuration needs a majority of either half`()",
      "ReplicaTests.QuorumMonitorTests/`an answer counts from when its ping was sent, not from "
        + "when it came`()",
      "ReplicaTests.QuorumMonitorTests/`an older answer does not shorten a newer one, and no ping "
        + "comes from the future`()",
      "ReplicaTests.QuorumMonitorTests/`learners count for nothing, and a learner does not count "
        + "itself`()",
      "ReplicaTests.QuorumRuleTests/`halt refuses serializable reads as well, until the quorum is "
        + "back`()",
      "ReplicaTests.QuorumRuleTests/`what waits when the quorum is lost is refused then`()",
      "ReplicaTests.ReconfigurationTests/`a change that never left is refused, one that was sent "
        + "to who is gone is unknown`()",
    ],
    .countsPongsFromArrival: [
      "ReplicaTests.QuorumRuleTests/`a pong that comes after the window says nothing of now`()"
    ],
    .servesReadsEarly: [
      "ReplicaTests.GatheringTests/`apply is waited for by reads, changes and whoever "
        + "shuts down, and by nobody else`()",
      "ReplicaTests.ReadTests/`a linearizable read is served once all that was "
        + "acknowledged is applied`()",
    ],
    .takesForwardsTwice: [
      "ReplicaTests.OutcomeTests/`a forward that is delivered twice is appended once`()",
      "ReplicaTests.OutcomeTests/`a late greeting of an earlier boot makes no forward "
        + "new again`()",
      "ReplicaTests.OutcomeTests/`each number of a forward is taken once, in any order, "
        + "unless it comes too late`()",
    ],
    .readsWithoutRound: [
      "RaftTests.`Raft §8`/`no read before the first commit of the term`()",
      "RaftTests.`Thesis §6.4`/`a joint configuration confirms reads in both halves`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §6.4`/`a read waits for a round that began after it, not for "
        + "an older answer`()",
      "RaftTests.`Thesis §6.4`/`reads that come meanwhile share one round`()",
      "ReplicaTests.QuorumRuleTests/`what waits when the quorum is lost is refused then`()",
      "ReplicaTests.ReadTests/`a leader that was replaced does not serve a linearizable read`()",
    ],
    .syncsBeforeWriting: [
      "StorageTests.`a WAL whose writes wait`/`has them as one write before a sync`()",
      "StorageTests.`a WAL whose writes wait`/`lets go of many`()",
      "StorageTests.`a WAL whose writes wait`/`tells by the sync that one of them failed, and "
        + "forgets it`()",
      "StorageTests.`a data directory`/`survives a kill`()",
      "StorageTests.`a failing disk`/`stops the log at its first error and is never asked "
        + "again`(operation:)",
      "StorageTests.`a failing disk`/`that is full without a reserve stops the member and loses no "
        + "promise`()",
      "StorageTests.`a power loss below real files`/`breaks no promise at any operation`(seed:)",
      "StorageTests.`a power loss below real files`/`takes what was not synced, and nothing "
        + "else`()",
      "StorageTests.`a start after a process died`/`keeps the landmark that a failed sync has "
        + "lowered`()",
      "StorageTests.`a start after a process died`/`takes the state that it found as "
        + "durable`(name:after:)",
      "StorageTests.damage/`of the end of raft.db's WAL is told from a torn tail`()",
      "StorageTests.damage/`of the end of the log is told from a torn tail`()",
      "StorageTests.`the log on real files`/`loses nothing when the power goes while it gives "
        + "segments back`()",
    ],
    .joinsEarly: [
      "KeyValueTests.WatchHubTests/`a long past comes in pieces, while the present goes on`()"
    ],
    .servesWhoeverLags: [
      "KeyValueTests.WatchHubTests/`a piece serves only those for whom it was read`()"
    ],
    .splitsRevisions: [
      "KeyValueTests.WatchHubTests/`one revision comes in one answer, however long it is`()"
    ],
    .trustsBatches: [
      "KeyValueTests.WatchHubTests/`a batch that does not follow on sends everybody to "
        + "the store`()",
      "KeyValueTests.WatchHubTests/`a batch that is lost without another after it is "
        + "noticed by its end`()",
    ],
    .reportsEarly: [
      "KeyValueTests.WatchHubTests/`progress asked for does not overtake events that were "
        + "not taken`()",
      "KeyValueTests.WatchHubTests/`progress is told when everything up to it was "
        + "delivered, and not before`()",
    ],
    .scrubsLastDeletion: [
      "KeyValueTests.CompactionTests/`without them only what can still be read stays`()",
      "KeyValueTests.WatchHubTests/`a deletion at the compacted revision is not lost`()",
    ],
    .tellsPresentAsPast: [
      "KeyValueTests.WatchHubTests/`a pair that compaction has made unreadable is left out`()",
      "KeyValueTests.WatchHubTests/`the pair before a change is read as of the revision before "
        + "it`()",
      "KeyValueTests.WatchHubTests/`what a revision deletes and creates again had nothing before "
        + "it`()",
    ],
    .servesWhoeverBlocks: [
      "KeyValueTests.WatchHubTests/`a stream that is given up says where to resume`()",
      "KeyValueTests.WatchHubTests/`a stream that takes nothing costs nothing and misses "
        + "nothing`()",
      "KeyValueTests.WatchHubTests/`progress asked for does not overtake events that were not "
        + "taken`()",
    ],
    .forgetsHeldForwards: [
      "ReplicaTests.GatheringTests/`a forward that gathers at a leader which is "
        + "deposed is refused`()"
    ],
    .expiresKeptAlive: [
      "KeyValueTests.LeaseTests/`what was kept alive meanwhile is neither ended nor dated`()"
    ],
    .roundsLeasesDown: [
      "ReplicaTests.LeaseClockTests/`a leader's own ticks do not hold its clock up`()",
      "ReplicaTests.LeaseClockTests/`a new leader counts on from what was written "
        + "down, from its election`()",
      "ReplicaTests.LeaseClockTests/`every interval the clock is written down, and once "
        + "the end of each lease`()",
      "ReplicaTests.LeaseClockTests/`who is elected again counts on from what it wrote "
        + "down last`()",
    ],
    .growsBeyondQuota: [
      "KeyValueTests.alarms/`for space refuse what grows, and let the rest pass`()"
    ],
    .believesOneDigest: [
      "ReplicaTests.upkeep/`a member that agrees again is let in again`()",
      "ReplicaTests.upkeep/`a member whose state differs is fenced, and the others go "
        + "on`(isLeader:)",
      "ReplicaTests.upkeep/`of two members that differ nobody is fenced, for nobody knows who is "
        + "right`()",
      "ReplicaTests.upkeep/`reports prove nothing until more than half of the voters have "
        + "spoken`()",
    ],
    .leavesKeysOfLeases: [
      "KeyValueTests.LeaseTests/`a revocation deletes the keys in one revision, in "
        + "their order, and no others`()",
      "KeyValueTests.LeaseTests/`leases and what hangs on them come back from the table`()",
      "KeyValueTests.LeaseTests/`what was kept alive meanwhile is neither ended nor dated`()",
    ],
    .passesAsFresh: [
      "ReplicaTests.ReadTests/`leave to serve serializable reads tells their age, "
        + "and ends with the service`()"
    ],
  ]
}
