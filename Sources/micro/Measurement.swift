import CountedMalloc
import Glibc

/// What one operation cost, as the median of several samples.
struct Measurement: Codable {
  var name: String
  /// Processor time of the calling thread, in nanoseconds.
  var cpuNanoseconds: Double
  /// The least sample and the greatest.
  var least: Double
  var greatest: Double
  /// Calls of malloc and its like; `nil`: not counted on this platform.
  var allocations: Double?
  var allocatedBytes: Double?

  init(name: String, _ samples: [Sample]) {
    precondition(!samples.isEmpty, "\(name) was not sampled")
    self.name = name
    let times = samples.map(\.cpuNanoseconds).sorted()
    cpuNanoseconds = times[times.count / 2]
    least = times[0]
    greatest = times[times.count - 1]
    allocations = Measurement.median(samples.compactMap(\.allocations))
    allocatedBytes = Measurement.median(samples.compactMap(\.allocatedBytes))
  }

  /// Of several runs of one benchmark: the median of their medians.
  init(merging runs: [Measurement]) {
    precondition(!runs.isEmpty, "no run to merge")
    name = runs[0].name
    cpuNanoseconds = Measurement.median(runs.map(\.cpuNanoseconds)) ?? 0
    least = runs.map(\.least).min() ?? 0
    greatest = runs.map(\.greatest).max() ?? 0
    allocations = Measurement.median(runs.compactMap(\.allocations))
    allocatedBytes = Measurement.median(runs.compactMap(\.allocatedBytes))
  }

  private static func median(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.sorted()[values.count / 2]
  }
}

/// One stretch of operations, divided by their number.
struct Sample {
  var cpuNanoseconds: Double
  var allocations: Double?
  var allocatedBytes: Double?

  init(of operations: Int, _ body: Benchmark.Body) throws {
    let requests = counted_malloc_requests()
    let bytes = counted_malloc_bytes()
    let start = Sample.threadTime
    try body(operations)
    cpuNanoseconds = Double(Sample.threadTime - start) / Double(operations)
    guard requests >= 0 else { return }
    allocations = Double(counted_malloc_requests() - requests) / Double(operations)
    allocatedBytes = Double(counted_malloc_bytes() - bytes) / Double(operations)
  }

  /// Processor time that the calling thread has used, in nanoseconds.
  static var threadTime: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// Runs benchmarks in rounds, each of them once a round, so that a slow moment of the machine
/// meets all of them alike.
struct Runner {
  var rounds: Int
  /// What one sample should take.
  var sampleMilliseconds: Int

  func run(_ benchmarks: [Benchmark], _ fixtures: Fixtures) throws -> [Measurement] {
    var prepared: [(name: String, body: Benchmark.Body, operations: Int)] = []
    for benchmark in benchmarks {
      let body = try benchmark.prepare(fixtures)
      prepared.append((benchmark.name, body, try warmUp(body)))
    }
    var samples = [[Sample]](repeating: [], count: prepared.count)
    for _ in 0..<rounds {
      for (position, one) in prepared.enumerated() {
        samples[position].append(try Sample(of: one.operations, one.body))
      }
    }
    return zip(prepared, samples).map { Measurement(name: $0.name, $1) }
  }

  /// Works until a sample is long enough, and says how many operations one takes.
  private func warmUp(_ body: Benchmark.Body) throws -> Int {
    var operations = 1
    while true {
      let start = Sample.threadTime
      try body(operations)
      let taken = Sample.threadTime - start
      let wanted = Int64(sampleMilliseconds) * 1_000_000
      if taken >= wanted / 2 || operations >= 1 << 24 { return operations }
      let factor = taken <= 0 ? 10 : max(2, min(10, Int(wanted / taken)))
      operations *= factor
    }
  }
}
