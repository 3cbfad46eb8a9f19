import Base
import KeyValue
import Raft
import Testing

@testable import Replica

/// What members do by themselves about their stores.
@Suite struct `upkeep` {
  private func settings(_ change: (inout ReplicaSettings) -> Void) -> ReplicaSettings {
    var settings = ReplicaSettings()
    settings.digestInterval = .milliseconds(500)
    change(&settings)
    return settings
  }

  // MARK: The quota

  @Test func `a store that reaches its quota raises the alarm for all, and takes it back`() {
    var cluster = Cluster(3, settings: settings { $0.quotaBytes = 800 })
    let (leader, follower) = cluster.elect()
    cluster.step(follower, .storeSize(800))
    cluster.run(.seconds(1))
    #expect(cluster.stores[leader].meta.alarms == [])
    cluster.step(follower, .storeSize(801))
    cluster.run(.seconds(1))
    let alarm = Alarm(member: cluster.id(follower).number, kind: .noSpace)
    for position in 0..<3 { #expect(cluster.stores[position].meta.alarms == [alarm]) }
    // Every member refuses what grows, whoever has raised it.
    for position in 0..<3 {
      cluster.propose(UInt64(10 + position), at: position)
      cluster.propose(UInt64(20 + position), at: position, isGrowing: false)
    }
    cluster.run(.seconds(1))
    for position in 0..<3 {
      #expect(
        cluster.answers[position]
          == [.refused(RequestID(UInt64(10 + position)), Refusal(.noSpace))])
      #expect(cluster.completed[position].contains(RequestID(UInt64(20 + position))))
    }
    // An eighth below, so that it does not come and go.
    cluster.step(follower, .storeSize(701))
    cluster.run(.seconds(1))
    #expect(cluster.stores[leader].meta.alarms == [alarm])
    cluster.step(follower, .storeSize(700))
    cluster.run(.seconds(1))
    #expect(cluster.stores[leader].meta.alarms == [])
    cluster.propose(30, at: leader)
    cluster.run(.seconds(1))
    #expect(cluster.completed[leader].contains(RequestID(30)))
  }

  @Test func `an alarm that was taken back by hand comes again while it is so`() throws {
    var cluster = Cluster(3, settings: settings { $0.quotaBytes = 800 })
    let (leader, follower) = cluster.elect()
    cluster.step(follower, .storeSize(900))
    cluster.run(.seconds(1))
    let alarm = Alarm(member: cluster.id(follower).number, kind: .noSpace)
    let disarm = CommandEnvelope(
      origin: CommandOrigin(member: 99, boot: 1, sequence: 1), command: .upkeep(.lower(alarm)))
    cluster.step(
      leader,
      .propose([
        ProposalRequest(
          id: RequestID(1), command: disarm.encoded(), deadline: cluster.now + .seconds(1),
          isGrowing: false)
      ]))
    cluster.run(.seconds(2))
    let raised = cluster.upkeepCommands[leader].filter { $0 == .upkeep(.raise(alarm)) }
    #expect(raised.count == 2)
    #expect(cluster.stores[leader].meta.alarms == [alarm])
  }

  /// Nobody else could take it back, and the store would be full for ever.
  @Test func `the alarm of a member that is removed goes with it`() {
    var cluster = Cluster(3, settings: settings { $0.quotaBytes = 800 })
    let (leader, follower) = cluster.elect()
    cluster.step(follower, .storeSize(900))
    cluster.run(.seconds(1))
    #expect(cluster.stores[leader].meta.alarms.map(\.member) == [cluster.id(follower).number])
    cluster.step(
      leader,
      .change(
        RequestID(5), .remove(cluster.id(follower)), deadline: cluster.now + .seconds(5)))
    cluster.run(.seconds(3))
    #expect(cluster.stores[leader].meta.alarms == [])
  }

  @Test func `without a quota there is no alarm`() {
    var cluster = Cluster(1)
    cluster.run(.seconds(3))
    cluster.step(0, .storeSize(.max))
    cluster.run(.seconds(1))
    #expect(cluster.stores[0].meta.alarms == [])
  }

  // MARK: Digests

  /// Its word about a mark comes when the leader has applied the next.
  @Test func `a member that is always behind the last mark is compared all the same`() {
    var cluster = Cluster(3, settings: settings { _ in })
    let (leader, follower) = cluster.elect()
    cluster.run(.seconds(1))
    cluster.applyLag[follower] = .milliseconds(1_200)
    cluster.corrupt(follower)
    for number in UInt64(1)...100 {
      cluster.propose(number, at: leader)
      cluster.run(.milliseconds(100))
    }
    #expect(cluster.members.map(\.isFenced) == cluster.members.indices.map { $0 == follower })
  }

  @Test(arguments: [false, true])
  func `a member whose state differs is fenced, and the others go on`(isLeader: Bool) throws {
    var cluster = Cluster(3, settings: settings { _ in })
    let (leader, follower) = cluster.elect()
    cluster.run(.seconds(1))
    #expect(cluster.members.filter(\.isFenced).isEmpty)
    let ill = isLeader ? leader : follower
    cluster.corrupt(ill)
    // Something changes, so that there is something to compare.
    cluster.propose(1, at: leader)
    cluster.run(.seconds(3))
    for position in 0..<3 {
      #expect(cluster.members[position].isFenced == (position == ill))
      #expect(
        cluster.stores[position].meta.alarms
          == [Alarm(member: cluster.id(ill).number, kind: .corrupt)])
    }
    #expect(cluster.members[ill].fencedRevisions != nil)
    #expect(!cluster.members[ill].isLeader, "whoever serves nothing hands over")
    let well = try #require(cluster.leader)
    cluster.propose(2, at: well)
    cluster.propose(3, at: ill)
    cluster.read(4, at: ill)
    cluster.read(5, at: ill, .serializable(maxStaleness: nil))
    #expect(cluster.members[ill].serializablePass == nil)
    cluster.run(.seconds(1))
    #expect(cluster.completed[well].contains(RequestID(2)))
    let refused = cluster.answers[ill].compactMap { answer -> RequestID? in
      guard case .refused(let id, let refusal) = answer, case .corrupt = refusal.rule else {
        return nil
      }
      return id
    }
    #expect(Set(refused) == [RequestID(3), RequestID(4), RequestID(5)])
  }

  /// The alarm goes by itself once the state is what it should be, as after a replacement.
  @Test func `a member that agrees again is let in again`() throws {
    var cluster = Cluster(3, settings: settings { _ in })
    let (leader, follower) = cluster.elect()
    cluster.run(.seconds(1))
    cluster.corrupt(follower)
    cluster.propose(8, at: leader)
    cluster.run(.seconds(3))
    #expect(cluster.members[follower].isFenced)
    // Its store is what the others' is, but for its last entries.
    let behind = cluster.stores[leader]
    cluster.stores[follower] = behind
    cluster.step(
      follower,
      .applied(through: LogIndex(behind.meta.appliedIndex), completed: [], upkeep: behind.facts))
    cluster.propose(9, at: leader)
    cluster.run(.seconds(3))
    #expect(!cluster.members[follower].isFenced)
  }

  @Test func `of two members that differ nobody is fenced, for nobody knows who is right`() {
    var cluster = Cluster(2, settings: settings { _ in })
    let (leader, follower) = cluster.elect()
    cluster.corrupt(follower)
    cluster.propose(1, at: leader)
    cluster.run(.seconds(3))
    #expect(cluster.stores[leader].meta.stateDigest != cluster.stores[follower].meta.stateDigest)
    #expect(cluster.members.filter(\.isFenced).isEmpty)
  }

  @Test func `a quiet store is not marked over and over`() {
    var cluster = Cluster(3, settings: settings { _ in })
    let (leader, _) = cluster.elect()
    cluster.run(.seconds(2))
    let marks = cluster.upkeepCommands[leader].count
    cluster.run(.seconds(20))
    #expect(cluster.upkeepCommands[leader].count == marks)
    cluster.propose(1, at: leader)
    cluster.run(.seconds(20))
    #expect(cluster.upkeepCommands[leader].count == marks + 1)
  }

  @Test func `a member that has found its own files changed is fenced, whatever it says`() {
    var cluster = Cluster(3, settings: settings { _ in })
    let (leader, follower) = cluster.elect()
    cluster.step(follower, .damaged(5...9))
    #expect(cluster.members[follower].isFenced)
    cluster.run(.seconds(5))
    #expect(cluster.members[follower].fencedRevisions == 5...9)
    let alarm = Alarm(member: cluster.id(follower).number, kind: .corrupt)
    #expect(cluster.stores[leader].meta.alarms == [alarm])
    cluster.propose(1, at: leader)
    cluster.run(.seconds(5))
    #expect(cluster.stores[leader].meta.alarms == [alarm], "its memory agrees, its files do not")
  }

  @Test func `reports prove nothing until more than half of the voters have spoken`() {
    let configuration = Cluster.fresh(voters: 5).base.configuration
    func report(_ digest: UInt64, isDamaged: Bool = false) -> DigestReport {
      DigestReport(
        mark: DigestMark(
          index: 8, revision: 3, digest: StateDigest(lanes: (digest, 0, 0, 0))),
        isDamaged: isDamaged)
    }
    var book = DigestBook()
    book.note(report(1), of: MemberID(2))
    book.note(own: report(1), of: MemberID(1))
    #expect(book.verdict(configuration) == nil)
    book.note(report(2), of: MemberID(3))
    book.note(report(2), of: MemberID(4))
    #expect(book.verdict(configuration) == nil, "two against two")
    book.note(report(3), of: MemberID(5))
    #expect(book.verdict(configuration)?.isUndecided == true)
    book.note(report(1), of: MemberID(5))
    let verdict = book.verdict(configuration)
    #expect(verdict?.sound == [1, 2, 5].map(MemberID.init))
    #expect(verdict?.diverging.map(\.member) == [3, 4].map(MemberID.init))
    // What is known to be damaged counts for nothing.
    book.note(report(1, isDamaged: true), of: MemberID(5))
    #expect(book.verdict(configuration)?.isUndecided == true)
  }

  // MARK: Compaction

  /// etcd server/etcdserver/api/v3compactor: samples, the first period, and an hour at most.
  @Test func `a period is kept, and compacted once in it`() {
    var compactor = Compactor(.period(.seconds(600)), at: .zero)
    var compacted: [(minute: Int64, revision: Int64)] = []
    var floor: Int64 = -1
    for minute in Int64(0)...40 {
      let now = Instant.zero + .seconds(60) * Int(minute)
      #expect(compactor.tickAt <= now)
      let revision = compactor.tick(
        at: now, revision: 100 + minute, compacted: floor, isLeader: true)
      if let revision {
        compacted.append((minute, revision))
        floor = revision
      }
    }
    #expect(compacted.map(\.minute) == [10, 20, 30, 40])
    #expect(compacted.map(\.revision) == [100, 109, 119, 129])
  }

  @Test func `a member that becomes leader goes on where the last one was`() {
    var follower = Compactor(.period(.seconds(600)), at: .zero)
    for minute in 0...25 {
      let now = Instant.zero + .seconds(60) * minute
      #expect(
        follower.tick(at: now, revision: Int64(minute), compacted: 9, isLeader: false) == nil)
    }
    let now = Instant.zero + .seconds(60) * 26
    #expect(follower.tick(at: now, revision: 26, compacted: 9, isLeader: true) == 15)
  }

  /// Each tick would add one to a log that is slower than the ticks.
  @Test func `what was asked for is not asked for again while it is on its way`() {
    var compactor = Compactor(.period(.seconds(600)), at: .zero)
    func tick(_ minute: Int) -> Int64? {
      compactor.tick(
        at: .zero + .seconds(60) * minute, revision: 50 + Int64(minute), compacted: -1,
        isLeader: true)
    }
    #expect((0..<10).allSatisfy { tick($0) == nil })
    #expect(tick(10) == 50)
    #expect((11..<20).allSatisfy { tick($0) == nil })
    #expect(tick(20) == 59, "it may be lost")
    #expect(tick(21) == nil)
    compactor.refused()
    #expect(tick(22) == 61)
  }

  @Test func `so many revisions are kept, looked at every five minutes`() {
    var compactor = Compactor(.revisions(1_000), at: .zero)
    #expect(compactor.tickAt == .zero + .seconds(300))
    #expect(
      compactor.tick(at: .zero + .seconds(300), revision: 900, compacted: -1, isLeader: true) == nil
    )
    #expect(
      compactor.tick(at: .zero + .seconds(600), revision: 1_500, compacted: -1, isLeader: true)
        == 500)
    #expect(
      compactor.tick(at: .zero + .seconds(900), revision: 1_500, compacted: 500, isLeader: true)
        == nil)
    #expect(
      compactor.tick(at: .zero + .seconds(1200), revision: 1_600, compacted: 500, isLeader: false)
        == nil)
  }

  @Test func `what somebody else has compacted is not compacted again`() {
    var other = Compactor(.period(.seconds(10)), at: .zero)
    for second in Int64(0)...30 {
      let now = Instant.zero + .seconds(1) * Int(second)
      #expect(other.tick(at: now, revision: 5, compacted: 90, isLeader: true) == nil)
    }
  }

  @Test func `only the leader compacts, and its successor goes on`() {
    var cluster = Cluster(3, settings: settings { $0.compaction = .period(.seconds(10)) })
    let (leader, _) = cluster.elect()
    for number in 0..<40 {
      let put = CommandEnvelope(
        origin: CommandOrigin(member: 99, boot: 1, sequence: 1),
        command: .put(PutRequest(key: [7], value: [UInt8(number)])))
      cluster.step(
        cluster.leader ?? leader,
        .propose([
          ProposalRequest(
            id: RequestID(UInt64(number + 1)), command: put.encoded(),
            deadline: cluster.now + .seconds(1), isGrowing: true)
        ]))
      if number == 20 { cluster.isolate([leader], isLoud: true) }
      cluster.run(.seconds(1))
    }
    let survivor = (0..<3).first { $0 != leader }!
    let compactions = cluster.upkeepCommands[survivor].filter {
      if case .compaction = $0 { true } else { false }
    }
    #expect((2...4).contains(compactions.count), "\(compactions)")
    let floor = cluster.stores[survivor].meta.compactRevision
    #expect(floor > 10 && floor < cluster.stores[survivor].meta.revision)
  }
}
