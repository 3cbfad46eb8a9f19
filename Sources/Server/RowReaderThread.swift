import KeyValue
import RPC
import Raft
import Replica
import Services
import Storage

/// The thread that reads from the state file: what client loops cannot answer from memory.
struct RowReaderThread {
  enum Job: Sendable {
    case range(Waiter, SettledRange, ReadReady)
    case txn(Waiter, TxnRequest, ReadReady)
    case hashKV(Waiter, revision: Int64)
    /// Another generation; the old one is closed.
    case adopt(Handover<any StateReader>)
  }

  private var reader: any StateReader
  private var cache = RowCache(limitBytes: 4 << 20)
  private let answers: ReadAnswers
  private let fate: Fate
  private let log: @Sendable (LogThread.Job) -> Void

  init(
    reader: Handover<any StateReader>, answers: ReadAnswers, fate: Fate,
    log: @escaping @Sendable (LogThread.Job) -> Void
  ) {
    self.reader = reader.value
    self.answers = answers
    self.fate = fate
    self.log = log
  }

  /// Gets of single keys that are read in one transaction.
  private static let pieceJobs = 64

  mutating func work(_ jobs: [Job]) {
    do {
      var rest = jobs[...]
      while !rest.isEmpty {
        let gets = rest.prefix(Self.pieceJobs).prefix { $0.isGet }
        if gets.count > 1 {
          let reader = reader
          try reader.together { for job in gets { try take(job) } }
          rest = rest.dropFirst(gets.count)
        } else {
          try take(rest.removeFirst())
        }
      }
    } catch let error as StorageError {
      fate.seal(ServerExit(error))
    } catch {
      fate.seal(.diskFailed(file: "the state file", reason: "\(error)"))
    }
  }

  private mutating func take(_ job: Job) throws {
    switch job {
    case .range(let waiter, let range, let ready): try read(waiter, range, ready)
    case .txn(let waiter, let request, let ready): try read(waiter, request, ready)
    case .hashKV(let waiter, let revision): try hash(waiter, revision)
    case .adopt(let new):
      reader.close()
      reader = new.value
      // Row numbers of a snapshot mean the same rows, but what was compacted may be gone.
      cache = RowCache(limitBytes: 4 << 20)
      log(.removeOldGenerations)
    }
  }

  /// The published root, if it is of the generation that this thread reads.
  ///
  /// Between an installation and its adoption here the two differ for a moment; the caller is told
  /// to try again, and nothing was done.
  private func root() -> Root? {
    let root = answers.board.root
    return root.generation == reader.generation ? root : nil
  }

  private mutating func read(
    _ waiter: Waiter, _ range: SettledRange, _ ready: ReadReady
  ) throws {
    guard range.generation == reader.generation else { return answers.leaderChanged(waiter) }
    let body =
      range.isScan
      ? try answers.body(range, reading: reader)
      : answers.body(try range.response(cache: &cache, reading: reader))
    answers.range(waiter, body, range.meta, ready)
  }

  private mutating func read(
    _ waiter: Waiter, _ request: TxnRequest, _ ready: ReadReady
  ) throws {
    guard let root = root() else { return answers.leaderChanged(waiter) }
    switch try root.transact(request, cache: &cache, reading: reader) {
    case .success(let response): answers.txn(waiter, response, root, ready)
    case .failure(let error): answers.fail(waiter, error)
    }
  }

  /// Pairs that are hashed in one read: between two others get their turn.
  private static let hashPiece: Int64 = 1_000

  /// A checksum of everything that is alive at a revision, equal on all members that hold it.
  private mutating func hash(_ waiter: Waiter, _ revision: Int64) throws {
    guard let root = root() else { return answers.leaderChanged(waiter) }
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

extension RowReaderThread.Job {
  /// It needs one row at most.
  fileprivate var isGet: Bool {
    guard case .range(_, let range, _) = self else { return false }
    return range.rowCount <= 1
  }
}
