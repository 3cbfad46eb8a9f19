@testable import Raft

/// The properties of Raft Figure 3 that only one who sees all members can check, and the promises
/// made to readers. Remembers the first violation.
struct Checker {
  var violation: String?
  /// Who led each term.
  private var leaderOf: [Term: Int] = [:]
  /// What was handed to some state machine at each index, from one on.
  private(set) var history: [Entry] = []
  /// The highest index that any leader has committed.
  private var committed = LogIndex.zero
  /// Reads without an answer: whom they were asked, and what was committed then.
  private var reads: [ReadID: (position: Int, committed: LogIndex)] = [:]

  var openReads: Int { reads.count }

  mutating func check(_ position: Int, commitBefore: LogIndex, in nodes: [Cluster.Node]) {
    let core = nodes[position].core
    guard core.isLeader else { return }
    if leaderOf[core.currentTerm] == nil {
      leaderOf[core.currentTerm] = position
      checkCompleteness(of: core, position)
    }
    if leaderOf[core.currentTerm] != position {
      fail("m\(position + 1) also leads term \(core.currentTerm.number)")
    }
    guard core.commitIndex > commitBefore else { return }
    checkDurableQuorum(of: core, in: nodes)
    committed = max(committed, core.commitIndex)
  }

  /// Leader Completeness (Raft §5.4): a leader has all that was committed before it.
  private mutating func checkCompleteness(of core: RaftCore, _ position: Int) {
    guard let last = history.last?.id else { return }
    if last.index > core.base.last.index && !core.log.holds(last) {
      fail("m\(position + 1) leads without committed entry \(last.index.number)")
    }
  }

  /// What is committed is on the disks of a quorum.
  private mutating func checkDurableQuorum(of core: RaftCore, in nodes: [Cluster.Node]) {
    let id = core.log.id(at: core.commitIndex)
    let configuration = core.configurations.configuration(at: core.commitIndex)
    let isDurable = Quorum(configuration).isReached { member in
      nodes[Int(member.number) - 1].disk.holds(id)
    }
    // Within the step that appends the end of a joint configuration, either rule may apply.
    let isDurableNow = core.quorum.isReached { nodes[Int($0.number) - 1].disk.holds(id) }
    if !isDurable && !isDurableNow {
      fail("m\(core.id.number) commits \(id.index.number), which no quorum has on disk")
    }
  }

  /// State Machine Safety (Raft §5.4.3): nobody ever applies something else at an index.
  mutating func handedOver(_ entry: Entry, to position: Int) {
    let slot = Int(entry.index.number) - 1
    if slot < history.count {
      if history[slot] != entry { fail("m\(position + 1) applies another entry at \(slot + 1)") }
    } else if slot == history.count {
      history.append(entry)
    } else {
      fail("m\(position + 1) applies \(slot + 1) before \(history.count + 1)")
    }
  }

  /// Membership is a function of the log.
  mutating func checkConfiguration(_ node: Cluster.Node) {
    if node.pending.isEmpty && node.core.configuration != node.disk.configuration {
      fail("m\(node.core.id.number) believes in members that its log does not have")
    }
  }

  mutating func readAsked(_ id: ReadID, of position: Int) { reads[id] = (position, committed) }

  mutating func readAnswered(_ answer: Readable) {
    guard let read = reads.removeValue(forKey: answer.read) else {
      return fail("read \(answer.read.number) is answered twice")
    }
    if answer.index < read.committed {
      fail("a read may see \(answer.index.number), but \(read.committed.number) was committed")
    }
  }

  mutating func readRefused(_ id: ReadID) {
    if reads.removeValue(forKey: id) == nil { fail("read \(id.number) is answered twice") }
  }

  /// Its readers went with it.
  mutating func crashed(_ position: Int) {
    reads = reads.filter { $0.value.position != position }
  }

  private mutating func fail(_ sentence: String) {
    if violation == nil { violation = sentence }
  }
}
