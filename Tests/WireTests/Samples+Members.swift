import Base
import Raft
import Replica
import Wire

/// What travels for the sake of the members themselves.
extension Samples {
  mutating func prospect() -> Configuration.Prospect {
    let all: [Configuration.Prospect] = [
      .none, .voter, .spare(after: .nanoseconds(Int64(bounded() >> 1))), .successor(of: member()),
    ]
    return all[dice.index(below: all.count)]
  }

  private mutating func newMember() -> Configuration.Member {
    Configuration.Member(
      id: member(), incarnation: .unknown, role: .learner, prospect: prospect(), name: text(),
      peerURLs: [text()])
  }

  private mutating func change() -> ConfigurationChange {
    let introductions = (0..<dice.index(below: 3)).map { _ in
      Introduction(
        id: member(), incarnation: Incarnation(dice.next()), name: text(), clientURLs: [text()])
    }
    let all: [ConfigurationChange] = [
      .addLearner(newMember()), .promote(member()), .remove(member()),
      .update(member(), peerURLs: [text()]), .setVoters([member(), member()]),
      .introduce(introductions),
      .exchange(voter: member(), learner: member(), stays: optional { $0.prospect() }),
      .renew(member(), as: newMember()),
    ]
    return all[dice.index(below: all.count)]
  }

  private mutating func denial() -> MembershipRefusal {
    let reasons: [ConfigurationRefusal] = [
      .changeInProgress, .termNotCommitted, .memberExists, .memberNotFound, .peerURLExists,
      .notALearner, .notAVoter, .learnerBehind, .noVoters,
    ]
    let all: [MembershipRefusal] = [
      .configuration(reasons[dice.index(below: reasons.count)]), .notEnoughStarted,
      .unreached([member(), member()]), .tooManyLearners(limit: 1), .tooManyVoters(limit: 7),
    ]
    return all[dice.index(below: all.count)]
  }

  /// Changes on their way to the leader, and what became of them.
  mutating func changes() -> [PeerMessage] {
    let outcomes: [ChangeReply.Outcome] = [
      .appended(entryID()), .refused(refusal()), .denied(denial()),
    ]
    return [
      .changeForward(
        ChangeForward(
          term: term(), boot: Boot(dice.next()), number: dice.next(), id: RequestID(dice.next()),
          change: change()))
    ]
      + outcomes.map {
        .changeReply(ChangeReply(boot: Boot(dice.next()), id: RequestID(dice.next()), outcome: $0))
      }
  }

  /// What passes between a store and somebody who has no place in it.
  mutating func joinQueries() -> [Frame] {
    let configuration = configuration()
    let place = Place(
      cluster: ClusterID(dice.next()), member: configuration.members[0].id,
      configuration: configuration)
    var dated = place
    dated.founding = Founding(
      digest: dice.next() | 1,
      members: [KnownMember(id: member(), incarnation: Incarnation(dice.next()))])
    let answers: [JoinAnswer] = [
      .place(place), .place(dated), .taken(member()), .unknown, .notFormed,
    ]
    return [
      .joinQuery(
        JoinQuery(
          name: text(), peerURLs: [text(), text()], wantsReplacement: flag(),
          readsFounding: flag()))
    ] + answers.map(Frame.joinAnswer)
  }
}
