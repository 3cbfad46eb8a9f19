package import Base
package import Host
import Raft
import KeyValue
import Member
import Replica
import Services
package import Storage

/// The thread that reads from the state file: what client loops cannot answer from memory.
package struct RowReaderThread: LaneHost {
  private static let cacheBytes = 4 << 20

  private var reader: any StateReader
  private var cache = RowCache(limitBytes: Self.cacheBytes)
  private let published: PublishedState
  private let exitLatch: ExitLatch
  private let inboxes: MemberInboxes

  package init(reader: UnsafeTransfer<any StateReader>, _ member: MemberContext) {
    self.reader = reader.value
    published = member.published
    exitLatch = member.exitLatch
    inboxes = member.inboxes
  }

  package mutating func turn(_ letters: [ReadLetter]) -> Instant {
    do {
      for letter in letters { try take(letter) }
    } catch {
      exitLatch.seal(ServerExit(reading: error))
    }
    return .distantFuture
  }

  private mutating func take(_ letter: ReadLetter) throws {
    // What is read is named before it is handed on: as an argument it would be read with a copy of
    // this value at hand, and with it a copy of the whole cache.
    switch letter {
    case .range(let id, let range):
      let rows = try read(range)
      answer(id, rows)
    case .txn(let id, let request, let readView):
      let rows = try read(request, readView)
      answer(id, rows)
    case .hash(let id, let readView, revision: let revision):
      let rows = try hash(readView, revision)
      answer(id, rows)
    case .changes(let request, let view, loop: let loop):
      let answer = try request.piece(
        of: view, generation: reader.generation, cache: &cache, reading: reader)
      inboxes.clients[loop].post(.watches(.read(answer)))
    case .adopt(let new):
      reader.close()
      reader = new.value
      // Row numbers of a snapshot mean the same rows, but what was compacted may be gone.
      cache = RowCache(limitBytes: Self.cacheBytes)
      inboxes.log.post(.removeGenerations(before: reader.generation))
    }
  }

  private func answer(_ id: RequestID, _ rows: RowsRead) { inboxes.post(.rows(id, rows), for: id) }

  // The state to read is in the file that this thread has open, or between an installation and its
  // adoption here: then nothing is done.

  /// The rows go from the table straight into the answer, if there are many.
  private mutating func read(_ range: ResolvedRange) throws -> RowsRead {
    guard range.generation == reader.generation else { return .moved }
    let header = published.header
    let body =
      range.isScan
      ? try KVService.body(range, reading: reader, header)
      : KVService.body(try range.response(cache: &cache, reading: reader), header)
    return .range(body, range.meta)
  }

  private mutating func read(_ request: TxnRequest, _ readView: ReadView) throws -> RowsRead {
    guard readView.generation == reader.generation else { return .moved }
    return switch try readView.transact(request, cache: &cache, reading: reader) {
    case .success(let response): .txn(response, readView.meta)
    case .failure(let error): .failed(error)
    }
  }

  /// Pairs that are hashed in one read: between two others get their turn.
  private static let hashPiece: Int64 = 1_000

  /// A checksum of everything that is alive at a revision, equal on all members that hold it.
  private mutating func hash(_ readView: ReadView, _ revision: Int64) throws -> RowsRead {
    guard readView.generation == reader.generation else { return .moved }
    // Here etcd counts the compacted revision itself as gone (mvcc/kvstore.go HashByRev).
    if revision > 0, revision <= readView.meta.compactRevision { return .failed(.compacted) }
    var hasher = LiveHasher()
    var request = RangeRequest(range: KeyRange(key: [0], end: [0]))
    request.limit = Self.hashPiece
    request.revision = revision <= 0 ? readView.revision : revision
    while true {
      switch try readView.range(request, cache: &cache, reading: reader) {
      case .failure(let error): return .failed(error)
      case .success(let response):
        for row in response.pairs { hasher.add(row) }
        guard response.more, let last = response.pairs.last else {
          return .hash(hasher.value, readView.meta)
        }
        request.range.key = last.key + [0]
      }
    }
  }

  package mutating func close() { reader.close() }
}
