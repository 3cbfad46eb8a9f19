package import Member
package import Replica
package import Storage

/// Every inbox of a member, made before any thread: whoever works there knows these and letters,
/// and no other thread.
///
/// ```text
///   client loops ──▶ replica loop ──▶ log ────▶ (stored) replica loop
///        ▲               │ committed
///        │               ▼
///        ├── answers ── apply ──▶ flush ──▶ (flushed) apply
///        └── answers ── reads        │ durable ▶ replica loop
/// ```
package struct MemberInboxes: Sendable {
  package let log = ThreadInbox<LogLetter>()
  package let apply = ThreadInbox<ApplyLetter<StateReaders>>()
  package let flush = ThreadInbox<FlushLetter<any StateStore>>()
  package let reads = ThreadInbox<ReadLetter>()
  package let snapshots = ThreadInbox<SnapshotLetter<any SnapshotSource>>()
  package let backup = ThreadInbox<BackupLetter<any SnapshotSource>>()
  package let scrub = ThreadInbox<ScrubLetter<any StateReader>>()
  package let replica: ReplicaInboxes
  /// One for each client loop.
  package let clients: [Inbox<ClientLetter>]
  /// The same of what is applied, for the watches of each loop.
  package let feeds: [WatchFeed]
  package let numbers: RequestNumbers

  /// What wakes the replica's loop and each client loop.
  package init(replica: WakeUp, clients: [WakeUp]) {
    self.replica = ReplicaInboxes(wakes: replica)
    // Each letter answers a request that the loop itself let in, or is one of a few.
    self.clients = clients.map { Inbox(limit: 1 << 20, wakes: $0) }
    feeds = clients.map { WatchFeed(wakes: $0) }
    numbers = RequestNumbers(loops: clients.count)
  }

  /// Brings a letter to the loop that waits for this request, if any does.
  package func post(_ letter: ClientLetter, for id: RequestID) {
    if let loop = numbers.loop(of: id) { clients[loop].post(letter) }
  }
}

/// What comes to the replica's loop. Each inbox wakes the loop only for what it waits for
/// (`ReplicaLoop.setAlarms`).
package struct ReplicaInboxes: Sendable {
  package let completions: Inbox<Completion>
  package let commands: Inbox<ProposalRequest>
  package let reads: Inbox<ReadRequest>
  package let control: Inbox<ControlLetter>

  package init(wakes loop: WakeUp) {
    // Bounded by what the core lets be under way; a full one is a broken bound.
    completions = Inbox(limit: 1 << 20, wakes: loop)
    commands = Inbox(limit: 1 << 16, wakes: loop)
    reads = Inbox(limit: 1 << 16, wakes: loop)
    control = Inbox(limit: 1 << 16, wakes: loop)
    _ = commands.hurry(true)
    _ = reads.hurry(true)
  }

  package func complete(_ completion: Completion) {
    completions.post(completion, isUrgent: completion.isUrgent)
  }

  /// Takes nothing more.
  package func close() {
    completions.close()
    commands.close()
    reads.close()
    control.close()
  }
}

/// What the lanes' threads bring to the loop of the replica.
package enum Completion: Sendable {
  case log(LogReport)
  case apply(ApplyReport)
  case flush(FlushReport)
  /// Rows of these revisions are not what was written.
  case damaged(ClosedRange<Int64>)
  case snapshot(SnapshotReport)

  /// Whether the replica has to know at once. How far apply has come it only counts, unless
  /// somebody waits for it (`ReplicaCore.awaitsApply`).
  package var isUrgent: Bool {
    switch self {
    case .apply(.applied), .flush: false
    case .log, .apply(.overlayFull), .apply(.restored), .damaged, .snapshot: true
    }
  }
}
