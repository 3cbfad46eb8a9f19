import Base
import Raft

/// Raft §5.2: a vote is idempotent. A reply may be lost, so whoever asks again is told the same.
enum VoteDrill {
  static func run() -> Drill.Ending {
    let base = LogBase(last: .zero, configuration: Sample.configuration)
    var core = RaftCore(
      id: MemberID(1), settings: RaftSettings(),
      recovered: Recovered(hardState: HardState(), base: base, entries: [], applied: .zero),
      seed: 1, now: .zero)
    let request = Message(term: Term(1), body: .requestVote(RequestVote(lastEntry: .zero)))
    let event = Input.Event.message(request, from: MemberID(2))
    let first = core.step(Input(now: .zero, event: event))
    guard let write = first.writes.first, write.releasedWhenDurable.contains(where: isGrant) else {
      return Drill.Ending(finding: "a free vote was not given", steps: 1)
    }
    _ = core.step(Input(now: .zero, event: .stored(write.ticket)))
    let second = core.step(Input(now: .zero, event: event))
    let finding =
      second.sends.contains(where: isGrant) ? nil : "asked again, m1 refuses whom it voted for"
    return Drill.Ending(finding: finding, steps: 3)
  }

  private static func isGrant(_ envelope: Envelope) -> Bool {
    envelope.message.body == .voteReply(VoteReply(granted: true))
  }
}
