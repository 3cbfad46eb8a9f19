import FaultyStorage
import Base
import KeyValue
import Member
import Raft
import Replica
import Storage

/// The log's disk: the product's own lane on virtual time. What waits is one batch, and is done
/// when the disk has had its time.
extension World {
  func queueWrite(_ write: ReplicaWrite, _ member: SimulatedMember) {
    if let first = write.write.entries.first {
      let previous = first.index.number - 1
      check(
        checks.logMatching.violation(
          entries: write.write.entries, after: member.log.id(at: LogIndex(previous))))
      if first.index <= checks.committed.lastIndex,
        let held = member.log.id(at: checks.committed.lastIndex),
        held == checks.committed.last, first.id != checks.committed.id(at: first.index)
      {
        fail("\(member.name) truncates the committed entry \(first.index.number)")
      }
    }
    if write.write.install != nil { member.isInstalling = true }
    member.log.take(write.write)
    member.promises.hold(write.releasedWhenDurable, until: write.write.ticket)
    member.logInbox.append(.write(write.write))
  }

  /// Tells the log something; what waits is taken up as soon as nothing is under way.
  func post(_ letter: LogLetter, _ member: SimulatedMember) {
    member.logInbox.append(letter)
    startLog(member)
  }

  func startLog(_ member: SimulatedMember) {
    guard member.logBatch.isEmpty, !member.logInbox.isEmpty else { return }
    member.logBatch = member.logInbox
    member.logInbox = []
    var delay = weather.sync.draw(&member.dice) * member.diskSlowness
    if member.stalledUntil > now { delay = delay + (member.stalledUntil - now) }
    after(delay, .diskDone(member.position, member.boot))
  }

  /// The disk has had its time: the batch is worked off, and what each turn reports leaves before
  /// the next.
  func workLog(_ member: SimulatedMember) {
    guard !member.logBatch.isEmpty else { return }
    var batch = member.logBatch[...]
    var out = LogLaneOutput<any StateStore>()
    var ports = SimulatedLog(world: self, member: member)
    while member.logLane.turn(&batch, ports: &ports, out: &out) {
      if batch.isEmpty {
        // What waits by now is a batch of its own; what comes of the reports comes after it.
        member.logBatch = []
        startLog(member)
      }
      for report in out.reports { take(report, member) }
      for opened in out.opened {
        post(.adopt(opened.state, opened.base), from: .log, to: member)
      }
      (out.reports, out.opened) = ([], [])
    }
  }

  private func take(_ report: LogReport, _ member: SimulatedMember) {
    switch report {
    case .stored(let ticket):
      releasePromises(through: ticket, member)
      step(member, .stored(ticket))
    case .fetched(let fetch, let entries): step(member, .fetched(fetch, entries))
    case .formed(let formation): formed(member, formation)
    case .spaceShort(let isShort):
      member.isSpaceShort = isShort
      tell(member, isShort ? "is short of space" : "has space again")
      step(member, .pressure(member.pressure))
    case .retired: queue.push(.retired(member.position, member.boot), at: now)
    }
  }

  /// What leaves with a write speaks of the log as that write left it; the same commit may already
  /// hold what took its place.
  private func releasePromises(through ticket: WriteTicket, _ member: SimulatedMember) {
    guard let commit = member.lastCommit else {
      preconditionFailure("\(member.name) stores \(ticket.number) without a commit")
    }
    member.lastCommit = nil
    var log = commit.before
    var later = commit.writes[...]
    while let released = member.promises.releaseFirst(through: ticket) {
      while let write = later.first, write.ticket <= released.ticket {
        log.take(write)
        later.removeFirst()
      }
      for envelope in released.envelopes { transmit(envelope, from: member, as: log) }
    }
  }

  /// The process dies while a batch is under way: the disk may have got to any point of it, and
  /// nobody hears of that.
  func workSome(_ member: SimulatedMember) {
    guard !member.logBatch.isEmpty, !member.hasFailed else { return }
    guard let files = member.disk.files else {
      let survivors = member.dice.index(below: member.logBatch.count + 1)
      return workOff(member.logBatch.prefix(survivors), member)
    }
    guard files.armedFault == nil else { return }
    files.arm(DiskFault(.inputOutput, after: member.dice.index(below: 16)))
    let mayFail = member.mayFail
    member.mayFail = true
    workOff(member.logBatch[...], member)
    member.mayFail = mayFail
    failing.removeAll { $0.0 == member.position }
    files.arm(nil)
  }

  /// Works letters off for a process that hears of nothing any more.
  func workOff(_ letters: ArraySlice<LogLetter>, _ member: SimulatedMember) {
    var letters = letters
    var out = LogLaneOutput<any StateStore>()
    var ports = SimulatedLog(world: self, member: member)
    while member.logLane.turn(&letters, ports: &ports, out: &out) {}
  }

  // MARK: What a disk may do

  /// Lets a member use its disk at `point`; a power cut that waits for it may fall into it.
  func using<Result>(
    _ member: SimulatedMember, _ point: DiskPoint?, _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    guard let files = member.disk.files, let point, let cut = powerCut, cut.waits(for: point),
      files.armedFault == nil
    else { return try body() }
    let before = files.faultsStruck
    files.arm(DiskFault(.inputOutput, on: cut.suffix, after: cut.after))
    defer {
      if files.faultsStruck > before {
        // The disk stays dead until the power is back.
        tell(member, "meets the power cut: \(cut.point)")
        powerFailedAt = cut.point
        powerCut = nil
      } else {
        powerCut?.after = files.armedFault?.after ?? 0
        files.arm(nil)
      }
    }
    return try body()
  }

  /// The same; `nil` if the disk failed, which ends the member.
  @discardableResult
  func attempt<Result>(
    _ member: SimulatedMember, _ point: DiskPoint?, _ body: () throws(StorageError) -> Result
  ) -> Result? {
    guard !member.hasFailed else { return nil }
    do throws(StorageError) { return try using(member, point, body) } catch {
      diskFails(member, error)
      return nil
    }
  }

  /// A member's disk has refused something: the process ends as soon as this event is over, and
  /// does nothing more until then (Docs/Storage.md, *Errors are kept*).
  func diskFails(_ member: SimulatedMember, _ error: StorageError) {
    guard !member.hasFailed else { return }
    member.hasFailed = true
    failing.append((member.position, error))
    guard powerFailedAt == nil, !member.mayFail, !member.isFull else { return }
    fail("\(member.name)'s disk fails without a fault: \(error)")
  }

  /// Ends the members whose disks have failed in this event.
  func endFailing() {
    let failed = failing
    failing = []
    if let point = powerFailedAt {
      powerFailedAt = nil
      counts.powerCuts[Int(point.rawValue)] += 1
      return losePowerEverywhere()
    }
    for (position, error) in failed { stop(members[position], because: error) }
  }
}
