import KeyValue
import Raft
import Storage

/// Files on a real disk; what the kernel does for a call is part of the thread's time.
extension Benchmark {
  static var storage: [Benchmark] {
    [1, 10, 100].map(commit) + [flush(rows: 40), flush(rows: 1_000)] + [
      Benchmark("state/load-200000") { fixtures in
        let state = try fixtures.loaded.get().state
        return { for _ in 0..<$0 { keep(try state.load()) } }
      }
    ]
  }

  /// One durable batch of the log, house-keeping and cuts included.
  private static func commit(_ count: Int) -> Benchmark {
    Benchmark("log/commit-\(count)") { fixtures in
      let log = try fixtures.dataDirectory().log
      let command = CommandEnvelope(
        origin: CommandOrigin(member: 1, boot: 1, sequence: 1),
        command: .put(PutRequest(key: Keys.key(1), value: Keys.value(1)))
      ).encoded()
      let configuration = Members.recovered.base.configuration
      var last: UInt64 = 0
      var base: UInt64 = 0
      return { operations in
        for _ in 0..<operations {
          var write = StorageWrite(ticket: WriteTicket(1))
          if last == 0 { write.hardState = HardState(currentTerm: Term(1)) }
          write.entries = (1...UInt64(count)).map {
            Entry(id: id(last + $0), content: .command(command))
          }
          last += UInt64(count)
          if last > base + 2_250 {
            base = last - 1_000
            write.cut = LogBase(last: id(base), configuration: configuration)
          }
          try log.commit([write])
          try log.maintain()
        }
      }
    }
  }

  private static func id(_ index: UInt64) -> EntryID {
    EntryID(term: Term(1), index: LogIndex(index))
  }

  /// One row of a flush, checkpoints included.
  private static func flush(rows count: Int) -> Benchmark {
    Benchmark("state/flush-row-of-\(count)") { fixtures in
      let state = try fixtures.dataDirectory().openState()
      var meta = state.meta
      var batch = FlushBatch(rows: [], removed: [], meta: meta)
      let value = Keys.value(1)
      return { operations in
        for number in 0..<operations {
          meta.appliedIndex += 1
          meta.revision += 1
          meta.lastRow += 1
          meta.rowCount += 1
          batch.rows.append(
            Row(
              number: meta.lastRow, modRevision: meta.revision, subRevision: 0,
              key: Keys.inOrderOfArrival[Int(meta.lastRow) % Fixtures.keyCount],
              value: value, createRevision: meta.revision, version: 1,
              lease: 0))
          guard batch.rows.count == count || number == operations - 1 else { continue }
          batch.meta = meta
          try state.flush(batch)
          try state.maintain()
          batch.rows.removeAll(keepingCapacity: true)
        }
      }
    }
  }
}
