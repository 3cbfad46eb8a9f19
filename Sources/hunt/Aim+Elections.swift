import Mutants

/// Votes and terms, pre-votes and partitions.
extension Aim {
  static let elections: [Mutant: [String]] = [
    .storesTermBeforeVote: [
      "RaftTests.`Raft §5.2`/`a request for a vote leaves with the write that holds the "
        + "own vote`()",
      "RaftTests.`Raft §5.2`/`one vote a term, and the same answer to the same candidate`()",
      "RaftTests.`Raft §5.2`/`the only voter leads once its own vote and entry are on disk`()",
      "RaftTests.`Raft §5.3`/`a proposal goes to disk and to the followers in one step`()",
      "RaftTests.`Raft §5.3`/`the tail that no quorum has is bounded`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`an entry of an earlier term is not committed "
        + "by counting copies`()",
      "RaftTests.`Raft §7`/`bytes bound what is kept as well`()",
      "RaftTests.`Raft §7`/`the log is kept as long as its entries are not applied durably`()",
      "RaftTests.`Raft §8`/`no read before the first commit of the term`()",
      "RaftTests.`Thesis §6.4`/`a read waits for a round that began after it, not for "
        + "an older answer`()",
      "RaftTests.`Thesis §6.4`/`an earlier boot's read is not answered over the next "
        + "boot's session`(isLost:)",
      "RaftTests.`Thesis §6.4`/`reads that come meanwhile share one round`()",
    ],
    .asksForVotesEarly: [
      "RaftTests.`Raft §5.2`/`a request for a vote leaves with the write that holds the "
        + "own vote`()"
    ],
    .grantsVotesEarly: [
      "RaftTests.`Raft §5.2`/`one vote a term, and the same answer to the same candidate`()",
      "RaftTests.`Raft §5.4`/`a later last term wins, then a longer log`(theirs:ours:granted:)",
      "RaftTests.`Thesis §4`/`a learner that was promoted without knowing it gives its vote`()",
    ],
    .forgetsVoteOnStepDown: [
      "RaftTests.PlaceTests/`who is none any more knows it from what is committed`()",
      "RaftTests.`Raft §5.2`/`a vote outlives stepping down in its term`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, and then no "
        + "more`()",
      "RaftTests.`Thesis §6.2`/`a leader that hears no quorum for an election timeout steps "
        + "down`()",
      "RaftTests.`Thesis §6.2`/`two halves of four both stop`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "ReplicaTests.ForwardTests/`a command that was sent into a lost term is lost as soon as the "
        + "next term rules`()",
      "ReplicaTests.ForwardTests/`what the next term inherits is not lost, though its sender never "
        + "heard of its slot`()",
      "ReplicaTests.ForwardTests/`while a leader's pongs are late, commands wait and go to the "
        + "next leader`()",
      "ReplicaTests.GatheringTests/`a forward that gathers at a leader which is deposed is "
        + "refused`()",
      "ReplicaTests.OutcomeTests/`a command whose slot went to another entry is lost, for "
        + "certain`()",
      "ReplicaTests.OutcomeTests/`an appended command that nobody confirms is unknown, even when "
        + "cut off`()",
      "ReplicaTests.QuorumRuleTests/`what waits when the quorum is lost is refused then`()",
      "ReplicaTests.ReadTests/`a leader that was replaced does not serve a linearizable read`()",
      "ReplicaTests.ReconfigurationTests/`a spare that is cut off as well, or without a majority, "
        + "is not called`()",
      "ReplicaTests.upkeep/`only the leader compacts, and its successor goes on`()",
    ],
    .comparesLogsByIndex: [
      "RaftTests.`Raft §5.4`/`a later last term wins, then a longer log`(theirs:ours:granted:)"
    ],
    .votesOnceOnly: [
      "RaftTests.`Raft §5.2`/`one vote a term, and the same answer to the same candidate`()"
    ],
    .countsLearners: [
      "RaftTests.PlaceTests/`a data directory is bound once`()",
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.`Quorum arithmetic`/`a joint quorum needs both halves`()",
      "RaftTests.`Quorum arithmetic`/`nobody agrees where nobody votes`()",
      "RaftTests.`Raft §5.2`/`learners and strangers are not counted`()",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Thesis §3.10`/`learners and strangers are no target`()",
      "RaftTests.`Thesis §4`/`the last voter stays`()",
      "ReplicaTests.MembershipRuleTests/`add: learners, spares and voters are counted apart`()",
      "ReplicaTests.MembershipRuleTests/`add: most must have started, all must answer, and nobody "
        + "is there already`()",
      "ReplicaTests.ReconfigurationTests/`a learner that nobody promised a vote waits to be "
        + "promoted`()",
      "ReplicaTests.ReconfigurationTests/`a member that was wiped gets another place, and never "
        + "fewer count`()",
      "ReplicaTests.ReconfigurationTests/`an address that is never reached blocks nothing, and can "
        + "be removed again`()",
      "ReplicaTests.ReconfigurationTests/`who comes is bound, fed, and votes within two seconds`()",
    ],
    .admitsWipedMembers: [
      "ReplicaTests.AdmissionTests/`a founder that has stated its list and not formed waits for one "
        + "that has`()",
      "ReplicaTests.FormationTests/`after formation a wiped member is refused and is told so`()",
      "ReplicaTests.FormationTests/`of two formed members one may know more than the other`()",
      "ReplicaTests.`a plan to recover`/`fences those that it leaves behind`()",
    ],
    .keepsLeaderAcrossTerms: [
      "RaftTests.PlaceTests/`who is none any more knows it from what is committed`()",
      "RaftTests.`Connection loss`/`a killed leader is replaced in tens of milliseconds`()",
      "RaftTests.`Raft §5.1`/`a stale leader steps down when a follower answers in a later term`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Raft §5.4`/`a candidate behind a quorum cannot win, not even a pre-vote`()",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Thesis §3.10`/`leadership moves to the one that was named, without a pre-vote`()",
      "RaftTests.`Thesis §3.10`/`the target waits until it has everything`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §6.4`/`every read is answered, whatever becomes of its leader`()",
      "ReplicaTests.ForwardTests/`a command that was sent into a lost term is lost as soon as the "
        + "next term rules`()",
      "ReplicaTests.ForwardTests/`what the next term inherits is not lost, though its sender never "
        + "heard of its slot`()",
      "ReplicaTests.ForwardTests/`while a leader's pongs are late, commands wait and go to the "
        + "next leader`()",
      "ReplicaTests.GatheringTests/`a forward that gathers at a leader which is deposed is "
        + "refused`()",
      "ReplicaTests.GatheringTests/`whoever shuts down waits for nobody`()",
      "ReplicaTests.LeadershipTests/`a leader that shuts down hands over, answers what is in "
        + "flight, and is drained`()",
      "ReplicaTests.LeadershipTests/`commands that come during a transfer reach the next leader`()",
      "ReplicaTests.LeadershipTests/`leadership moves to who was named`()",
      "ReplicaTests.OutcomeTests/`a command whose slot went to another entry is lost, for "
        + "certain`()",
      "ReplicaTests.OutcomeTests/`an appended command that nobody confirms is unknown, even when "
        + "cut off`()",
      "ReplicaTests.ReadTests/`a leader that was replaced does not serve a linearizable read`()",
      "ReplicaTests.ReconfigurationTests/`a leader that is removed hands over first, and both "
        + "learn that it is gone`()",
      "ReplicaTests.upkeep/`a member whose state differs is fenced, and the others go "
        + "on`(isLeader:)",
      "ReplicaTests.upkeep/`only the leader compacts, and its successor goes on`()",
    ],
    .ignoresEarlierPreVotes: [
      "RaftTests.`Thesis §9.6`/`a refusal teaches its term, so the longer log is "
        + "elected at last`()"
    ],
    .learnsNoTermFromRefusals: [
      "RaftTests.`Raft §5.1`/`a message of a later term makes any member a follower of "
        + "that term`(body:)",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Thesis §9.6`/`a refusal teaches its term, so the longer log is "
        + "elected at last`()",
    ],
    .preVoteCountsAsContact: [
      "RaftTests.PlaceTests/`a data directory is bound once`()",
      "RaftTests.PlaceTests/`a learner takes a voter's place in one step, and both halves agree`()",
      "RaftTests.PlaceTests/`nothing is sent to a place that nobody has come to, and it never "
        + "votes`()",
      "RaftTests.PlaceTests/`who is none any more knows it from what is committed`()",
      "RaftTests.PlaceTests/`whoever is replaced leaves with the old half`()",
      "RaftTests.`Connection loss`/`a killed leader is replaced in tens of milliseconds`()",
      "RaftTests.`Connection loss`/`a majority that still hears the leader refuses`()",
      "RaftTests.`Connection loss`/`short intervals are bounded, then ordinary timeouts hold`()",
      "RaftTests.`Raft §5.1`/`a message of a later term makes any member a follower of that "
        + "term`(body:)",
      "RaftTests.`Raft §5.1`/`a stale leader steps down when a follower answers in a later term`()",
      "RaftTests.`Raft §5.2`/`a split vote is tried again`()",
      "RaftTests.`Raft §5.3`/`a proposal to a member that does not lead is refused with the "
        + "leader's name`()",
      "RaftTests.`Raft §5.3`/`entries that memory no longer holds are read from disk, for "
        + "followers too`()",
      "RaftTests.`Raft §5.3`/`what was lost on the way is asked after and sent again`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Raft §5.4`/`a candidate behind a quorum cannot win, not even a pre-vote`()",
      "RaftTests.`Raft §6`/`a member that was removed while away stays quiet`()",
      "RaftTests.`Raft §6`/`a removed member neither disturbs nor is counted`()",
      "RaftTests.`Raft §6`/`any new leader completes a joint configuration`()",
      "RaftTests.`Raft §6`/`joint consensus: both halves agree, then the new one alone`()",
      "RaftTests.`Raft §7`/`a follower that was away longer than the log is kept comes back by "
        + "snapshot`()",
      "RaftTests.`Raft §7`/`a snapshot that fails is tried again, at the pace of heartbeats`()",
      "RaftTests.`Raft §7`/`no snapshot is opened for whoever is not heard`()",
      "RaftTests.`Raft §8`/`a new leader appends an entry without effect, and commits the past "
        + "with it`()",
      "RaftTests.`Thesis §10.2.1`/`a leader counts itself only when its write is done`()",
      "RaftTests.`Thesis §10.2.1`/`followers alone can commit before the leader's disk is done`()",
      "RaftTests.`Thesis §3.10`/`leadership moves to the one that was named, without a pre-vote`()",
      "RaftTests.`Thesis §3.10`/`learners and strangers are no target`()",
      "RaftTests.`Thesis §3.10`/`the target waits until it has everything`()",
      "RaftTests.`Thesis §3.10`/`while handing over nothing is appended, and after an election "
        + "timeout it ends`()",
      "RaftTests.`Thesis §3.10`/`without a name it goes to the longest log`()",
      "RaftTests.`Thesis §4`/`a learner catches up, counts for nothing, and votes once promoted`()",
      "RaftTests.`Thesis §4`/`a member leads while its own removal is not committed, and then no "
        + "more`()",
      "RaftTests.`Thesis §4`/`membership after a restart is what it was`()",
      "RaftTests.`Thesis §4`/`one change at a time`()",
      "RaftTests.`Thesis §4`/`wishes that make no sense are refused`()",
      "RaftTests.`Thesis §6.2`/`a leader that hears half the others of an odd cluster stays`()",
      "RaftTests.`Thesis §6.2`/`a leader that hears no quorum for an election timeout steps "
        + "down`()",
      "RaftTests.`Thesis §6.2`/`two halves of four both stop`()",
      "RaftTests.`Thesis §6.4`/`a follower's read is confirmed by the leader`()",
      "RaftTests.`Thesis §6.4`/`a joint configuration confirms reads in both halves`()",
      "RaftTests.`Thesis §6.4`/`a leader that was replaced confirms nothing`()",
      "RaftTests.`Thesis §6.4`/`a silent leader's reads end after an election timeout`()",
      "RaftTests.`Thesis §6.4`/`every read is answered, whatever becomes of its leader`()",
      "RaftTests.`Thesis §9.6`/`a candidate that a live leader does not know cannot raise the "
        + "term`()",
      "RaftTests.`Thesis §9.6`/`a member that was away does not depose the leader`()",
      "RaftTests.`Thesis §9.6`/`a pre-vote changes nothing at either end`()",
      "RaftTests.`Thesis §9.6`/`a refusal teaches its term, so the longer log is elected at "
        + "last`()",
      "RaftTests.`Thesis §9.6`/`whoever hears a leader refuses, and so does the leader`()",
      "ReplicaTests.ForwardTests/`a command that was sent into a lost term is lost as soon as the "
        + "next term rules`()",
      "ReplicaTests.ForwardTests/`pongs that come steadily are not late, however long their way "
        + "is`()",
      "ReplicaTests.ForwardTests/`what the next term inherits is not lost, though its sender never "
        + "heard of its slot`()",
      "ReplicaTests.ForwardTests/`while a leader's pongs are late, commands wait and go to the "
        + "next leader`()",
      "ReplicaTests.GatheringTests/`a limit of zero lets nothing gather`()",
      "ReplicaTests.GatheringTests/`a lone command leaves at once`()",
      "ReplicaTests.GatheringTests/`a slow majority is not waited for longer than the limit`()",
      "ReplicaTests.GatheringTests/`commands that others forward gather at the leader, with its "
        + "own`()",
      "ReplicaTests.GatheringTests/`what comes while a batch is on its way to a majority goes "
        + "together`()",
      "ReplicaTests.OutcomeTests/`a command whose slot went to another entry is lost, for "
        + "certain`()",
    ],
    .leadsUnheard: [
      "RaftTests.`Thesis §6.2`/`a leader that hears no quorum for an election timeout "
        + "steps down`()",
      "RaftTests.`Thesis §6.2`/`two halves of four both stop`()",
      "ReplicaTests.GatheringTests/`a forward that gathers at a leader which is "
        + "deposed is refused`()",
    ],
    .standsUnasked: [
      "RaftTests.`Connection loss`/`short intervals are bounded, then ordinary timeouts hold`()",
      "RaftTests.`Raft §5.2`/`a member that hears nobody asks around after a drawn timeout`()",
      "RaftTests.`Raft §5.2`/`a request for a vote leaves with the write that holds the own "
        + "vote`()",
      "RaftTests.`Raft §5.3`/`Figure 7: a follower's log becomes the leader's in few "
        + "questions`(name:terms:)",
      "RaftTests.`Raft §5.3`/`a proposal goes to disk and to the followers in one step`()",
      "RaftTests.`Raft §5.3`/`appends are cut into pieces, and only so many are on their way`()",
      "RaftTests.`Raft §5.3`/`the tail that no quorum has is bounded`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`an entry of an earlier term is not committed by counting "
        + "copies`()",
      "RaftTests.`Raft §5.4.2 Figure 8`/`the story of Figure 8`()",
      "RaftTests.`Raft §5.4`/`a candidate behind a quorum cannot win, not even a pre-vote`()",
      "RaftTests.`Raft §6`/`a joint configuration commits nothing without a majority of either "
        + "half`(away:)",
      "RaftTests.`Raft §7`/`the log does not wait for a snapshot that has failed`()",
      "RaftTests.`Raft §7`/`the log does not wait for whoever is not heard, nor beyond a limit`()",
      "RaftTests.`Raft §7`/`the log waits for whoever a snapshot brings up, until it is back`()",
      "RaftTests.`Raft §8`/`no read before the first commit of the term`()",
      "RaftTests.`Thesis §4`/`no change before this leader has committed in its term`()",
      "RaftTests.`Thesis §6.4`/`a read waits for a round that began after it, not for an older "
        + "answer`()",
      "RaftTests.`Thesis §6.4`/`an earlier boot's read is not answered over the next boot's "
        + "session`(isLost:)",
      "RaftTests.`Thesis §6.4`/`reads that come meanwhile share one round`()",
      "RaftTests.`Thesis §9.6`/`a member that was away does not depose the leader`()",
    ],
  ]
}
