import Base
import KeyValue
import Member
import Raft
import Replica
package import Storage

/// What the threads of a member read the rows of one generation with.
package struct StateReaders: Sendable {
  package var applier: UnsafeTransfer<any StateReader>
  package var reads: UnsafeTransfer<any StateReader>
  package var scrub: UnsafeTransfer<any StateReader>
}

/// The thread of the apply lane: carries letters to it, and what comes of them to the others.
struct Applier: LaneHost {
  typealias Letter = ApplyLetter<StateReaders>

  private var lane: ApplyLane<ApplyHost>
  private var host: ApplyHost
  private var output = ApplyOutput()
  /// Answers of one turn, for each client loop; empty between turns.
  private var answers: [[ApplyAnswer]]
  private let member: MemberContext

  /// `mark` `nil`: no word is left of the entry that is taken up.
  init(
    me: MemberID, boot: Boot, start: AdoptedState<StateReaders>, _ member: MemberContext,
    mark: ApplyMark?
  ) {
    lane = ApplyLane(me: me, boot: boot, store: start.store)
    host = ApplyHost(reader: start.readers.applier.value, member: member, mark: mark)
    answers = Array(repeating: [], count: member.inboxes.clients.count)
    self.member = member
  }

  mutating func turn(_ letters: [Letter]) -> Instant {
    lane.turn(letters, at: MonotonicClock.now(), ports: &host, out: &output)
    defer { output.removeAll() }
    if let fault = output.fault { member.exitLatch.seal(ServerExit(fault)) }
    deliver()
    return output.wakeAt
  }

  private mutating func deliver() {
    let inboxes = member.inboxes
    member.published.overlayBytes = output.overlayBytes
    for feed in output.feeds { inboxes.feeds[feed.loop].offer(feed.batch) }
    deliverAnswers()
    for report in output.reports { inboxes.replica.complete(.apply(report)) }
    for order in output.flushOrders { inboxes.flush.post(.order(order)) }
    if let base = output.opensState { inboxes.log.post(.openState(base)) }
    for asker in output.unopened {
      switch asker {
      case .follower(let request): inboxes.replica.complete(.snapshot(.opened(request, nil)))
      case .client(let id): inboxes.backup.post(.opened(id, nil))
      }
    }
    if let view = output.view {
      for viewer in output.viewers {
        switch viewer {
        case .client(let id): inboxes.post(.view(id, view), for: id)
        case .watches(loop: let loop): inboxes.clients[loop].post(.watches(.view(view)))
        }
      }
    }
    for held in output.leaseKeys { inboxes.post(.leaseKeys(held.id, held.keys), for: held.id) }
    for id in output.purged { inboxes.post(.purged(id), for: id) }
    for id in output.unpurged { inboxes.post(.unpurged(id), for: id) }
    for answer in output.blocks { inboxes.scrub.post(.answer(answer)) }
  }

  /// One letter for each client loop that has waited for anything.
  private mutating func deliverAnswers() {
    guard !output.answers.isEmpty else { return }
    for answer in output.answers {
      if let loop = member.inboxes.numbers.loop(of: answer.id) { answers[loop].append(answer) }
    }
    for loop in answers.indices where !answers[loop].isEmpty {
      var batch: [ApplyAnswer] = []
      swap(&batch, &answers[loop])
      member.inboxes.clients[loop].post(.applied(batch))
    }
  }

  /// The last act: everything that was applied goes to the flusher.
  mutating func close() {
    while turn([]) <= MonotonicClock.now() {}
    lane.close(out: &output)
    for order in output.flushOrders { member.inboxes.flush.post(.order(order)) }
    host.reader.close()
  }
}

/// The published state, the mark and the readers, as the apply lane reaches them.
struct ApplyHost: ApplyPorts {
  fileprivate(set) var reader: any StateReader
  fileprivate let member: MemberContext
  fileprivate let mark: ApplyMark?

  var rows: any RowReading { reader }

  func mark(_ entry: Entry?) { mark?.applying = entry?.index ?? .zero }

  func skipped(_ entry: Entry, _ meta: StateMeta) {}

  func applied(
    _ entry: Entry, _ envelope: CommandEnvelope, _ effect: Applied, _ meta: StateMeta
  ) {
    if !effect.leases.isEmpty { member.metrics.count(envelope.command, effect.leases) }
  }

  func hideUnusedView() -> Bool { member.published.hideIfUnused() }

  func publish(_ view: ReadView) { member.published.show(view) }

  func advance(to meta: StateMeta) { member.published.goOn(to: meta) }

  mutating func adopt(_ readers: StateReaders) {
    reader.close()
    reader = readers.applier.value
    member.inboxes.reads.post(.adopt(readers.reads))
    member.inboxes.scrub.post(.adopt(TransferBox(readers.scrub.value)))
  }
}

extension ServerExit {
  /// What a fault of apply means for the process.
  fileprivate init(_ fault: ApplyFault) {
    switch fault {
    case .world(let error): self = ServerExit(reading: error)
    case .unknownVersion(let index, let version):
      self = .unknownFormat(
        what: "Entry \(index.number) of raft.db (command version \(version))")
    case .malformed(let index):
      self = .damagedFile(file: "raft.db", place: "the command of entry \(index.number)")
    }
  }

  /// The same of an error that has come through a module which knows no kind of it.
  package init(reading error: any Error) {
    if let error = error as? StorageError {
      self = ServerExit(error)
    } else {
      self = .diskFailed(file: "the state file", reason: "\(error)")
    }
  }
}

extension Metrics {
  /// What became of leases, whoever asked for it.
  fileprivate func count(_ command: Command, _ changes: [LeaseChange]) {
    guard case .lease(let command) = command, !changes.isEmpty else { return }
    switch command {
    case .grant: leasesGranted.add()
    case .revoke: leasesRevoked.add()
    case .keepAlive: leasesRenewed.add()
    case .expire: leasesExpired.add()
    case .tick: break
    }
  }
}
