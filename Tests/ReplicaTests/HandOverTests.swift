import Base
import Raft
import Replica
import Testing

/// A leader that everybody follows, and that holds everybody up (Docs/Architecture.md, *What must
/// never happen*).
@Suite("A leader that had better not lead") struct HandOverTests {
  private func reasons(_ cluster: Cluster, _ position: Int) -> [HandOverReason] {
    cluster.notes[position].compactMap { note in
      if case .handsOver(let reason, to: _) = note { reason } else { nil }
    }
  }

  /// Puts at one member, every 50 ms, for a while.
  private func write(
    _ cluster: inout Cluster, at position: Int, from first: UInt64, for duration: Duration
  ) {
    let end = cluster.now + duration
    var number = first
    while cluster.now < end {
      cluster.propose(number, at: position)
      number += 1
      cluster.run(.milliseconds(50))
    }
  }

  // MARK: A disk that stalls

  @Test func `hands over when its disk holds up what others have written`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.stallDisk(of: leader, for: .seconds(60))
    write(&cluster, at: follower, from: 1, for: .milliseconds(900))
    #expect(cluster.leader == leader)
    write(&cluster, at: follower, from: 101, for: .seconds(2))
    #expect(cluster.leader != leader)
    guard case .lateDisk(let time)? = reasons(cluster, leader).first else {
      Issue.record("\(reasons(cluster, leader))")
      return
    }
    #expect(time > .seconds(1) && time < .milliseconds(1_300))
    #expect(reasons(cluster, leader).count == 1)
    cluster.run(.milliseconds(100))
    #expect(cluster.completed[follower].count == 18 + 40)
    // Its own clients' commands take effect as well; it learns so when it has written them down.
    cluster.propose(999, at: leader, within: .seconds(120))
    cluster.run(.seconds(70))
    #expect(cluster.completed[leader] == [RequestID(999)])
  }

  @Test func `leads on where all disks are slow`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    for position in 0..<3 { cluster.stallDisk(of: position, for: .seconds(20)) }
    write(&cluster, at: follower, from: 1, for: .seconds(8))
    cluster.run(.seconds(20))
    #expect(cluster.leader == leader)
    #expect(reasons(cluster, leader).isEmpty)
    #expect(cluster.completed[follower].count > 100)
  }

  /// One of the slow is always the last.
  @Test func `leads on where it is the slowest of slow ones`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    for position in 0..<3 {
      cluster.stallDisk(of: position, for: position == leader ? .seconds(5) : .seconds(3))
    }
    write(&cluster, at: follower, from: 1, for: .milliseconds(4_900))
    #expect(cluster.leader == leader)
    #expect(reasons(cluster, leader).isEmpty)
  }

  /// Each write takes longer than an election timeout, at everybody.
  @Test func `leads on where no disk is faster than its own`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    cluster.diskDelay = .milliseconds(1_500)..<(.milliseconds(1_501))
    write(&cluster, at: follower, from: 1, for: .seconds(8))
    cluster.run(.seconds(2))
    #expect(cluster.leader == leader)
    #expect(reasons(cluster, leader).isEmpty)
    #expect(cluster.completed[follower].count > 100)
  }

  @Test(arguments: 1...2) func `has nobody to hand over to in a store of one or two`(count: Int) {
    var cluster = Cluster(count)
    while cluster.leader == nil { cluster.run(.milliseconds(100)) }
    let leader = cluster.leader!
    cluster.run(.seconds(1))
    cluster.stallDisk(of: leader, for: .seconds(10))
    write(&cluster, at: leader, from: 1, for: .seconds(4))
    #expect(cluster.leader == leader)
    #expect(reasons(cluster, leader).isEmpty)
  }

  @Test func `hands over to nobody who has not written lately`() {
    var cluster = Cluster(5)
    let (leader, follower) = cluster.elect()
    let slow = cluster.members.indices.first { $0 != leader && $0 != follower }!
    cluster.stallDisk(of: leader, for: .seconds(60))
    cluster.stallDisk(of: slow, for: .seconds(60))
    write(&cluster, at: follower, from: 1, for: .seconds(4))
    #expect(cluster.leader != leader && cluster.leader != slow)
  }

  // MARK: A disk without room

  @Test func `hands over for want of room to a voter that has some`() {
    var cluster = Cluster(3)
    let (leader, follower) = cluster.elect()
    let full = cluster.members.indices.first { $0 != leader && $0 != follower }!
    cluster.step(full, .pressure(.noSpace))
    cluster.step(leader, .pressure(.noSpace))
    cluster.propose(1, at: follower)
    cluster.run(.milliseconds(500))
    #expect(cluster.answers[follower] == [.refused(RequestID(1), Refusal(.noSpace))])
    #expect(cluster.leader == follower)
    #expect(reasons(cluster, leader) == [.spaceShort])
    cluster.propose(2, at: follower)
    cluster.run(.milliseconds(100))
    #expect(cluster.completed[follower] == [RequestID(2)])
  }

  @Test func `leads on where nobody has room, or nobody says so`() {
    for isSilent in [false, true] {
      var cluster = Cluster(3)
      let (leader, _) = cluster.elect()
      for position in 0..<3 where !isSilent || position == leader {
        cluster.step(position, .pressure(.noSpace))
      }
      cluster.dropsRoomReplies = isSilent
      cluster.run(.seconds(5))
      #expect(cluster.leader == leader)
      #expect(reasons(cluster, leader).isEmpty)
    }
  }

  @Test func `hands over once in ten election timeouts`() {
    var cluster = Cluster(3)
    let (first, _) = cluster.elect()
    cluster.step(first, .pressure(.noSpace))
    cluster.run(.milliseconds(500))
    let second = cluster.leader!
    #expect(second != first)
    // The room goes round, and leadership does not go with it.
    cluster.step(first, .pressure(.none))
    for position in 0..<3 where position != first { cluster.step(position, .pressure(.noSpace)) }
    cluster.run(.milliseconds(500))
    #expect(cluster.leader == first)
    cluster.step(first, .pressure(.noSpace))
    cluster.step(second, .pressure(.none))
    cluster.run(.seconds(8))
    #expect(cluster.leader == first)
    cluster.run(.seconds(2))
    #expect(cluster.leader == second)
    #expect(reasons(cluster, first).count == 2)
  }

  // MARK: What waits

  @Test func `what is not applied yet is bounded in bytes as well`() {
    var settings = ReplicaSettings()
    settings.unappliedLimitBytes = 10_000
    var cluster = Cluster(3, settings: settings)
    let (leader, follower) = cluster.elect()
    cluster.applyDelay = .seconds(1)..<(.seconds(2))
    for number in 1...20 as ClosedRange<UInt64> {
      let asked = number.isMultiple(of: 2) ? leader : follower
      let command = Cluster.command(asked, number) + [UInt8](repeating: 7, count: 2_000)
      cluster.step(
        asked,
        .propose([
          ProposalRequest(
            id: RequestID(number), command: command, deadline: cluster.now + .seconds(5),
            isGrowing: true)
        ]))
      cluster.run(.milliseconds(5))
    }
    let refused = (cluster.answers[leader] + cluster.answers[follower]).filter { answer in
      if case .refused(_, let refusal) = answer, case .tooManyRequests = refusal.rule {
        true
      } else {
        false
      }
    }
    #expect(refused.count >= 12)
    cluster.run(.seconds(5))
    #expect(
      cluster.completed[leader].count + cluster.completed[follower].count + refused.count == 20)
  }
}
