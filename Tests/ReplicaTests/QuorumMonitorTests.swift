import Base
import Raft
import Replica
import Testing

@Suite("The quorum rule, counted")
struct QuorumMonitorTests {
  private let start = Instant(nanoseconds: 10_000_000_000)
  private let window = Duration.milliseconds(1_000)

  private func configuration(_ roles: [Configuration.Role]) -> Configuration {
    Configuration(
      members: roles.enumerated().map { position, role in
        Configuration.Member(
          id: MemberID(UInt64(position) + 1), incarnation: Incarnation(1), role: role, name: "",
          peerURLs: [""])
      })
  }

  @Test(arguments: 1...7)
  func `R at most half of N is inquorate, for every R`(voters: Int) {
    let configuration = configuration(Array(repeating: .voter, count: voters))
    for heard in 1...voters {
      var monitor = QuorumMonitor(me: MemberID(1), window: window)
      for member in 1..<heard {
        monitor.heard(MemberID(UInt64(member) + 1), pingedAt: start, now: start)
      }
      let view = monitor.view(of: configuration, at: start)
      #expect(view.current == QuorumView.Half(voters: voters, heard: heard))
      #expect(view.isQuorate == (2 * heard > voters))
      #expect(view.missing.count == voters - heard)
    }
  }

  @Test func `learners count for nothing, and a learner does not count itself`() {
    let configuration = configuration([.learner, .voter, .voter, .voter, .learner])
    var monitor = QuorumMonitor(me: MemberID(1), window: window)
    monitor.heard(MemberID(2), pingedAt: start, now: start)
    monitor.heard(MemberID(5), pingedAt: start, now: start)
    var view = monitor.view(of: configuration, at: start)
    #expect(view.current == QuorumView.Half(voters: 3, heard: 1))
    #expect(!view.isQuorate)
    #expect(view.missing == [MemberID(3), MemberID(4)])

    monitor.heard(MemberID(3), pingedAt: start, now: start)
    view = monitor.view(of: configuration, at: start)
    #expect(view.isQuorate)
  }

  @Test func `a joint configuration needs a majority of either half`() {
    // Old half 1, 2, 3; new half 1, 4, 5.
    let joint = configuration([.voter, .outgoing, .demoting, .incoming, .incoming])
    var monitor = QuorumMonitor(me: MemberID(1), window: window)
    monitor.heard(MemberID(4), pingedAt: start, now: start)
    monitor.heard(MemberID(5), pingedAt: start, now: start)
    var view = monitor.view(of: joint, at: start)
    #expect(view.current == QuorumView.Half(voters: 3, heard: 3))
    #expect(view.outgoing == QuorumView.Half(voters: 3, heard: 1))
    #expect(!view.isQuorate)
    monitor.heard(MemberID(2), pingedAt: start, now: start)
    view = monitor.view(of: joint, at: start)
    #expect(view.isQuorate)
    #expect(view.missing == [MemberID(3)])
  }

  /// A pong that took long says that its sender lived when the ping left, not that it lives now.
  @Test func `an answer counts from when its ping was sent, not from when it came`() {
    let configuration = configuration([.voter, .voter])
    var monitor = QuorumMonitor(me: MemberID(1), window: window)
    let arrival = start + .milliseconds(900)
    monitor.heard(MemberID(2), pingedAt: start, now: arrival)
    #expect(monitor.view(of: configuration, at: arrival).isQuorate)
    #expect(monitor.view(of: configuration, at: start + window).isQuorate)
    let silence = monitor.nextSilence(after: arrival)
    #expect(silence == start + window + .nanoseconds(1))
    #expect(!monitor.view(of: configuration, at: silence).isQuorate)
  }

  @Test func `an older answer does not shorten a newer one, and no ping comes from the future`() {
    let configuration = configuration([.voter, .voter])
    var monitor = QuorumMonitor(me: MemberID(1), window: window)
    let later = start + .milliseconds(500)
    monitor.heard(MemberID(2), pingedAt: later + window, now: later)
    #expect(!monitor.view(of: configuration, at: later).isQuorate)
    monitor.heard(MemberID(2), pingedAt: later, now: later)
    monitor.heard(MemberID(2), pingedAt: start, now: later)
    #expect(monitor.view(of: configuration, at: later + window).isQuorate)
  }

  @Test func `who left the configuration is forgotten`() {
    var monitor = QuorumMonitor(me: MemberID(1), window: window)
    monitor.heard(MemberID(2), pingedAt: start, now: start)
    monitor.retain(configuration([.voter]))
    #expect(monitor == QuorumMonitor(me: MemberID(1), window: window))
  }
}
