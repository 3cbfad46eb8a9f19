import KeyValue
import Services
import Storage

/// The store in memory, with 200,000 keys of 22 bytes and values of 256.
extension Benchmark {
  static var store: [Benchmark] {
    writes + lookups + ranges
  }

  /// Puts with a read view for each `stride` of them, handed to a flusher after every hundred.
  /// `stride`: puts between two read views; zero: nobody looks.
  private static func puts(_ name: String, stride: Int, isNew: Bool) -> Benchmark {
    Benchmark(name) { fixtures in
      let loaded = try fixtures.loaded.get()
      let commands = (0..<65_536).map { position in
        let number = isNew ? Fixtures.keyCount + position : position * 7 % Fixtures.keyCount
        return Command.put(
          PutRequest(key: Keys.key(UInt64(number)), value: Keys.value(position)))
      }
      var store = loaded.store
      var readView: ReadView? = stride == 0 ? nil : store.readView
      var position = 0
      let body: Body = { operations in
        for _ in 0..<operations {
          if position == commands.count {
            // From here on the new keys would be old ones.
            if isNew { store = loaded.store }
            position = 0
          }
          try store.apply(commands[position], reading: loaded.reader)
          position += 1
          if stride > 0, position % stride == 0 { readView = store.readView }
          if position % 100 == 0 { store.pretendToFlush() }
        }
        keep(readView)
      }
      // Every leaf that the fixture shares is copied once, which is not what is measured.
      try body(isNew ? 1 : commands.count)
      return body
    }
  }

  private static var writes: [Benchmark] {
    [
      puts("store/overwrite-view-1", stride: 1, isNew: false),
      puts("store/overwrite-view-10", stride: 10, isNew: false),
      puts("store/overwrite-view-100", stride: 100, isNew: false),
      puts("store/new-key-view-10", stride: 10, isNew: true),
      puts("store/overwrite-no-view", stride: 0, isNew: false),
    ]
  }

  private static var lookups: [Benchmark] {
    [
      Benchmark("store/get-index") { fixtures in
        let readView = try fixtures.loaded.get().store.readView
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(
          Keys.draws(8_192, below: Fixtures.keyCount).map { slot in
            var request = RangeRequest(range: KeyRange(key: Keys.sorted[slot]))
            request.countOnly = true
            return request
          })
        return { for _ in 0..<$0 { keep(readView.range(requests.next(), cache: &cache)) } }
      },
      Benchmark("store/get-recent") { fixtures in
        let (readView, keys) = try recent(fixtures)
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(
          Keys.draws(8_192, below: keys.count).map {
            RangeRequest(range: KeyRange(key: keys[$0]))
          })
        return { for _ in 0..<$0 { keep(readView.range(requests.next(), cache: &cache)) } }
      },
      Benchmark("store/get-table") { fixtures in
        let loaded = try fixtures.loaded.get()
        let readView = loaded.store.readView
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(
          Keys.draws(8_192, below: Fixtures.keyCount).map {
            RangeRequest(range: KeyRange(key: Keys.sorted[$0]))
          })
        return { operations in
          for _ in 0..<operations {
            keep(try readView.range(requests.next(), cache: &cache, reading: loaded.reader))
          }
        }
      },
    ]
  }

  private static var ranges: [Benchmark] {
    [
      Benchmark("store/count-range") { fixtures in
        let readView = try fixtures.loaded.get().store.readView
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(
          hundreds(in: Keys.sorted).map { request in
            var request = request
            request.range.end = [0]
            request.countOnly = true
            return request
          })
        return { for _ in 0..<$0 { keep(readView.range(requests.next(), cache: &cache)) } }
      },
      Benchmark("store/range-100-recent") { fixtures in
        let (readView, keys) = try recent(fixtures)
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(hundreds(in: keys))
        return { for _ in 0..<$0 { keep(readView.range(requests.next(), cache: &cache)) } }
      },
      Benchmark("store/range-100-cached") { fixtures in
        let loaded = try fixtures.loaded.get()
        let readView = loaded.store.readView
        var cache = RowCache(limitBytes: 4 << 20)
        var requests = Carousel(hundreds(in: Array(Keys.sorted[..<5_000])))
        for _ in 0..<1_024 {
          keep(try readView.range(requests.next(), cache: &cache, reading: loaded.reader))
        }
        return { for _ in 0..<$0 { keep(readView.range(requests.next(), cache: &cache)) } }
      },
      Benchmark("store/range-100-table") { fixtures in
        let loaded = try fixtures.loaded.get()
        let readView = loaded.store.readView
        var cache = RowCache(limitBytes: 0)
        var requests = Carousel(hundreds(in: Keys.sorted))
        return { operations in
          for _ in 0..<operations {
            keep(try readView.range(requests.next(), cache: &cache, reading: loaded.reader))
          }
        }
      },
      Benchmark("store/scan-100-table") { fixtures in
        let loaded = try fixtures.loaded.get()
        let readView = loaded.store.readView
        var requests = Carousel(hundreds(in: Keys.sorted))
        return { operations in
          for _ in 0..<operations {
            let range = try readView.resolve(requests.next()).get()
            keep(try KVService.body(range, reading: loaded.reader, header))
          }
        }
      },
    ]
  }

  private static let header = AnswerHeader(cluster: 1, member: 2, raftTerm: 3)

  /// A read view whose newest rows are those of some thousand neighbouring keys.
  private static func recent(_ fixtures: Fixtures) throws -> (ReadView, keys: [[UInt8]]) {
    let loaded = try fixtures.loaded.get()
    var store = loaded.store
    let keys = Array(Keys.sorted[..<10_000])
    for slot in Keys.draws(keys.count * 8, below: keys.count) + Array(keys.indices) {
      try store.put(keys[slot], Keys.value(slot), reading: loaded.reader)
    }
    store.pretendToFlush()
    return (store.readView, keys)
  }

  /// Requests for exactly a hundred keys each.
  private static func hundreds(in keys: [[UInt8]]) -> [RangeRequest] {
    Keys.draws(1_024, below: keys.count - 100).map {
      RangeRequest(range: KeyRange(key: keys[$0], end: keys[$0 + 100]))
    }
  }
}
