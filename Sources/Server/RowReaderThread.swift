import KeyValue
import Member
import RPC
import Raft
import Replica
import Services
import Storage

/// The thread that reads from the state file: what client loops cannot answer from memory.
struct RowReaderThread {
  enum Job: Sendable {
    case range(Waiter, SettledRange, ReadReady)
    case txn(Waiter, TxnRequest, Root, ReadReady)
    case hashKV(Waiter, Root, revision: Int64)
    /// Past changes for the watches of one client loop.
    case changes(ChangeRequest, Root, loop: Int)
    /// Another generation; the old one is closed.
    case adopt(Handover<any StateReader>)
  }

  private var reader: any StateReader
  private var cache = RowCache(limitBytes: 4 << 20)
  private let answers: ReadAnswers
  private let fate: Fate
  private let log: Worker<LogThread.Job>
  /// One for each client loop.
  private let desks: [ClientDesk]

  init(
    reader: Handover<any StateReader>, answers: ReadAnswers, fate: Fate,
    log: Worker<LogThread.Job>, desks: [ClientDesk]
  ) {
    self.reader = reader.value
    self.answers = answers
    self.fate = fate
    self.log = log
    self.desks = desks
  }

  mutating func work(_ jobs: [Job]) {
    do {
      for job in jobs { try take(job) }
    } catch let error as StorageError {
      fate.seal(ServerExit(error))
    } catch {
      fate.seal(.diskFailed(file: "the state file", reason: "\(error)"))
    }
  }

  private mutating func take(_ job: Job) throws {
    switch job {
    case .range(let waiter, let range, let ready): try read(waiter, range, ready)
    case .txn(let waiter, let request, let root, let ready):
      try read(waiter, request, root, ready)
    case .hashKV(let waiter, let root, let revision): try hash(waiter, root, revision)
    case .changes(let request, let view, loop: let loop):
      let answer = try request.piece(
        of: view, generation: reader.generation, cache: &cache, reading: reader)
      desks[loop].post(.watches(.read(answer)))
    case .adopt(let new):
      reader.close()
      reader = new.value
      // Row numbers of a snapshot mean the same rows, but what was compacted may be gone.
      cache = RowCache(limitBytes: 4 << 20)
      log.post(.removeGenerations(before: reader.generation))
    }
  }

  /// Whether the state to read is in the file that this thread has open.
  ///
  /// Between an installation and its adoption here the two differ for a moment; the caller is told
  /// to try again, and nothing was done.
  private func holds(_ generation: UInt64, for waiter: Waiter) -> Bool {
    if generation == reader.generation { return true }
    answers.leaderChanged(waiter)
    return false
  }

  private mutating func read(
    _ waiter: Waiter, _ range: SettledRange, _ ready: ReadReady
  ) throws {
    guard holds(range.generation, for: waiter) else { return }
    let body =
      range.isScan
      ? try answers.body(range, reading: reader)
      : answers.body(try range.response(cache: &cache, reading: reader))
    answers.range(waiter, body, range.meta, ready)
  }

  private mutating func read(
    _ waiter: Waiter, _ request: TxnRequest, _ root: Root, _ ready: ReadReady
  ) throws {
    guard holds(root.generation, for: waiter) else { return }
    switch try root.transact(request, cache: &cache, reading: reader) {
    case .success(let response): answers.txn(waiter, response, root, ready)
    case .failure(let error): answers.fail(waiter, error)
    }
  }

  /// Pairs that are hashed in one read: between two others get their turn.
  private static let hashPiece: Int64 = 1_000

  /// A checksum of everything that is alive at a revision, equal on all members that hold it.
  private mutating func hash(_ waiter: Waiter, _ root: Root, _ revision: Int64) throws {
    guard holds(root.generation, for: waiter) else { return }
    // Here etcd counts the compacted revision itself as gone (mvcc/kvstore.go HashByRev).
    if revision > 0, revision <= root.meta.compactRevision {
      return answers.fail(waiter, .compacted)
    }
    var hasher = LiveHasher()
    var request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    request.limit = Self.hashPiece
    request.revision = revision <= 0 ? root.revision : revision
    while true {
      switch try root.range(request, cache: &cache, reading: reader) {
      case .failure(let error): return answers.fail(waiter, error)
      case .success(let response):
        for row in response.pairs { hasher.add(row) }
        guard response.more, let last = response.pairs.last else {
          return answers.hashKV(waiter, hasher.value, root)
        }
        request.range.key = last.key + [0]
      }
    }
  }

  mutating func close() { reader.close() }
}
