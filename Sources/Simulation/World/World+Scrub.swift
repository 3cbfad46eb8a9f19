import Base
import KeyValue
import Member
import Raft
import Storage

/// The scrub lane of each member on virtual time.
extension World {
  /// Small pieces and short rounds, so that there are many while the store is written to.
  static var scrubPace: ScrubPace {
    var pace = ScrubPace()
    pace.cycle = .milliseconds(100)
    pace.rowsPerSecond = 2_000
    pace.pieceRows = 16
    return pace
  }

  func post(_ letter: ScrubLetter<any StateReader>, _ member: SimulatedMember) {
    // Whoever does not scrub has nobody to read with what is open.
    guard weather.scrubs else { return adoptUnread(letter, member) }
    member.scrubLetters.append(letter)
    scheduleScrub(member, at: now + weather.apply.draw(&member.laneDice))
  }

  private func adoptUnread(_ letter: ScrubLetter<any StateReader>, _ member: SimulatedMember) {
    guard case .adopt(let reader) = letter else { return }
    var ports = SimulatedScrubPorts(member: member)
    ports.adopt(reader.take())
  }

  func scheduleScrub(_ member: SimulatedMember, at instant: Instant) {
    guard instant < member.scrubTurnAt else { return }
    member.scrubTurnAt = instant
    queue.push(.scrubTurn(member.position, member.boot), at: instant)
  }

  func scrubTurn(_ member: SimulatedMember) {
    guard member.scrubTurnAt <= now, member.isRunning, !member.hasFailed else { return }
    member.scrubTurnAt = .distantFuture
    let letters = member.scrubLetters
    member.scrubLetters = []
    var ports = SimulatedScrubPorts(member: member)
    var out = ScrubOutput()
    member.scrubLane.turn(letters, at: now, ports: &ports, out: &out)
    if let error = out.fault { return stateFails(member, error) }
    if let (number, question) = out.question {
      post(.block(number, question), from: .scrub, to: member)
    }
    // A bit of its disk may have been turned over.
    if let revisions = out.damaged, !member.mayFail, !member.isSuspect {
      fail("\(member.name) finds revisions \(revisions) changed, and its state is sound")
    }
    if out.wakeAt < .distantFuture { scheduleScrub(member, at: max(out.wakeAt, now)) }
  }
}

/// One member's table, as its scrub lane reaches it.
struct SimulatedScrubPorts: ScrubPorts {
  let member: SimulatedMember

  func inspect(from number: RowNumber, limit: Int) throws -> [Row]? {
    guard let reader = member.readers?.scrub else {
      preconditionFailure("\(member.name) scrubs without a reader")
    }
    return try reader.inspect(from: number, limit: limit)
  }

  mutating func adopt(_ reader: any StateReader) {
    member.readers?.scrub.close()
    member.readers?.scrub = reader
  }
}
