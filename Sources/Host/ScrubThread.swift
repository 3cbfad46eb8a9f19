import Base
import KeyValue
import Member
import Storage

/// The thread of the scrub lane: it reads the table for changes behind the member's back.
struct ScrubThread: LaneHost {
  typealias Letter = ScrubLetter<any StateReader>

  private var lane: ScrubLane<ScrubHost>
  private var host: ScrubHost
  private let exitLatch: ExitLatch
  private let inboxes: MemberInboxes

  init(
    reader: UnsafeTransfer<any StateReader>, pace: ScrubPace, exitLatch: ExitLatch,
    _ inboxes: MemberInboxes
  ) {
    lane = ScrubLane(pace: pace)
    host = ScrubHost(reader: reader.value)
    self.exitLatch = exitLatch
    self.inboxes = inboxes
  }

  mutating func turn(_ letters: [Letter]) -> Instant {
    var out = ScrubOutput()
    lane.turn(letters, at: MonotonicClock.now(), ports: &host, out: &out)
    if let error = out.fault { exitLatch.seal(ServerExit(reading: error)) }
    if let (number, question) = out.question { inboxes.apply.post(.block(number, question)) }
    if let revisions = out.damaged { inboxes.replica.complete(.damaged(revisions)) }
    return out.wakeAt
  }

  mutating func close() { host.reader.close() }
}

/// The table, as the scrub lane reaches it.
private struct ScrubHost: ScrubPorts {
  var reader: any StateReader

  func inspect(from number: RowNumber, limit: Int) throws -> [Row]? {
    try reader.inspect(from: number, limit: limit)
  }

  mutating func adopt(_ new: any StateReader) {
    reader.close()
    reader = new
  }
}
