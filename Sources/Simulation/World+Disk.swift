import Raft
import Replica
import Storage

/// The log's disk: what waits goes in one sync, first in, first out.
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
    member.waitingWrites.append(write)
  }

  func startWrites(_ member: SimulatedMember) {
    guard member.flyingWrites.isEmpty, !member.waitingWrites.isEmpty else { return }
    member.flyingWrites = member.waitingWrites
    member.waitingWrites = []
    let delay = weather.sync.draw(&member.dice) * member.diskSlowness
    after(delay, .diskDone(member.position, member.boot))
  }

  func finishWrites(_ member: SimulatedMember) {
    let written = member.flyingWrites
    guard let last = written.last else { return }
    commit(written, member)
    member.flyingWrites = []
    for write in written {
      for envelope in write.releasedWhenDurable { transmit(envelope, from: member) }
    }
    startWrites(member)
    step(member, .stored(last.write.ticket))
  }

  /// Moves writes onto the disk.
  func commit(_ writes: [ReplicaWrite], _ member: SimulatedMember) {
    do throws(StorageError) {
      try member.store.log.commit(writes.map(\.write))
    } catch {
      return fail("\(member.name)'s log fails: \(error)")
    }
    for write in writes {
      if let hardState = write.write.hardState {
        member.durableState = hardState
        check(
          checks.neverBack.violation(member: member.id, durable: hardState.currentTerm))
      }
      member.durableLog.take(write.write)
    }
  }

  /// Entries that memory no longer holds.
  func readLog(_ member: SimulatedMember, _ fetch: LogFetch) {
    do throws(StorageError) {
      step(member, .fetched(fetch, try member.store.log.entries(fetch)))
    } catch {
      fail("\(member.name)'s log fails: \(error)")
    }
  }
}
