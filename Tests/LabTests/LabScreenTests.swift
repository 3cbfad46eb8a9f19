import Foundation
import Testing

@testable import Lab

@Suite struct `The lab's screen` {
  func member(
    _ number: Int, applied: UInt64 = 7, hash: String = "aaaa", heard: Int = 3, age: Int? = 12,
    state: MemberProcess.State = .running
  ) -> SeenMember {
    let quorate = heard >= 2
    let why = quorate ? nil : "only \(heard) of 3 voters answer"
    let page = MemberPage(
      name: "n\(number)", member: "\(number)", phase: "serving",
      role: number == 1 ? "leader" : "follower", term: 2, leader: quorate ? "1" : nil,
      commit: applied, applied: applied, revision: 4, hash: hash, policy: "read-only",
      quorate: quorate, heard: heard, voters: 3, missing: [],
      serves: .init(
        write: .init(served: quorate, why: why), linearizable: .init(served: quorate, why: why),
        serializable: .init(served: true, ageMilliseconds: age)),
      links: [], disk: "sound")
    let process = MemberProcess(
      number: number, name: "n\(number)", clientURL: "", state: state, processID: 1, ending: "")
    return SeenMember(process: process, page: state == .running ? page : nil)
  }

  @Test func `shows each member in a column and what it would serve`() {
    let seen = [member(1), member(2), member(3, heard: 1, age: 61_000)]
    let partition = Partition(cuts: [Direction(from: 1, to: 3), Direction(from: 3, to: 1)])
    let lines = LabScreen(seen: seen, partition: partition).lines
    #expect(
      lines == [
        "                   n1              n2              n3",
        "process            running         running         running",
        "disk               sound           sound           sound",
        "role               leader          follower        follower",
        "term               2               2               2",
        "leader             n1              n1              none",
        "commit             7               7               7",
        "applied            7               7               7",
        "revision           4               4               4",
        "hash               aaaa            aaaa            aaaa",
        "hears              3 of 3          3 of 3          1 of 3",
        "rule               3 > 1 quorate   3 > 1 quorate   1 <= 1 READ-ONLY",
        "write              yes             yes             NO",
        "linearizable read  yes             yes             NO",
        "stale read         yes, 12 ms old  yes, 12 ms old  yes, 61 s old",
        "",
        "cut     1 <-/-> 3",
        "same    all 3 members: revision 4, hash aaaa",
      ])
  }

  @Test func `equal entries with different hashes are called wrong`() {
    let verdict = LabVerdict([member(1), member(2, hash: "bbbb"), member(3, applied: 6)])
    #expect(verdict == .different("n1", "n2", applied: 7))
  }

  @Test func `members at different entries, or silent, are no verdict yet`() {
    #expect(
      LabVerdict([member(1), member(2, applied: 5)])
        == .undecided("the members stand at applied entries 5 to 7"))
    #expect(
      LabVerdict([member(1), member(2, state: .paused)]) == .undecided("no answer from n2"))
  }

  @Test func `a refusal's reason is a remark`() {
    let screen = LabScreen(seen: [member(1), member(2, heard: 1)], partition: .none)
    #expect(screen.remarks == ["n2: only 1 of 3 voters answer"])
  }
}

@Suite struct `Pages from members` {
  @Test func `a response is read only when it is whole`() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    #expect(PageClient.Page(response: .init(whole.utf8))?.status == 200)
    for length in 0..<whole.utf8.count {
      #expect(PageClient.Page(response: .init(whole.utf8.prefix(length))) == nil)
    }
    #expect(PageClient.Page(response: .init("SSH-2.0\r\n\r\n".utf8)) == nil)
  }

  @Test func `a member gets every link, and only its own ends of the cut ones`() {
    let members = (1...3).map {
      LabRecord.Member(
        number: $0, name: "n\($0)", clientURL: "http://127.0.0.1:1\($0)", peerURL: "",
        processID: 0)
    }
    let partition = Partition(cuts: [Direction(from: 1, to: 2)], manner: .reset)
    let first = LinkOrders(of: partition, for: members[0], among: members)
    #expect(
      first.json == #"{"links":[{"peer":"n2","receive":"open","send":"reset"},"#
        + #"{"peer":"n3","receive":"open","send":"open"}]}"#)
    let second = LinkOrders(of: partition, for: members[1], among: members)
    #expect(second.links[0] == .init(peer: "n1", send: "open", receive: "reset"))
    #expect(members[1].clientPort == 12)
  }
}
