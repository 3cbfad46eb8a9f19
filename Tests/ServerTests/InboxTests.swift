import Base
import Dispatch
import Foundation
import Logging
import Raft
import Synchronization
import Testing

@testable import Server

/// The queue between two threads.
@Suite struct InboxTests {
  @Test func `a batch comes out whole and in order, with one wake-up`() {
    let wakeUps = Counter()
    let inbox = Inbox<Int>(limit: 10) { wakeUps.add() }
    #expect(inbox.offer(1))
    #expect(inbox.offer(contentsOf: [2, 3]))
    #expect(wakeUps.count == 1)
    #expect(inbox.drain() == [1, 2, 3])
    #expect(inbox.drain() == [])
    #expect(inbox.offer(4))
    #expect(wakeUps.count == 2)
  }

  @Test func `what is not urgent wakes nobody, and goes with what comes next`() {
    let wakeUps = Counter()
    let inbox = Inbox<Int>(limit: 10) { wakeUps.add() }
    #expect(inbox.offer(1, isUrgent: false))
    #expect(wakeUps.count == 0)
    #expect(inbox.offer(2))
    #expect(inbox.offer(3))
    #expect(wakeUps.count == 1)
    #expect(inbox.drain() == [1, 2, 3])
  }

  @Test func `who is in a hurry is woken by everything, and told of what has woken nobody`() {
    let wakeUps = Counter()
    let inbox = Inbox<Int>(limit: 10) { wakeUps.add() }
    #expect(!inbox.hurry(true))
    #expect(inbox.offer(1, isUrgent: false))
    #expect(wakeUps.count == 1)
    // It is on its way already.
    #expect(!inbox.hurry(true))
    #expect(inbox.drain() == [1])
    #expect(!inbox.hurry(false))
    #expect(inbox.offer(2, isUrgent: false))
    #expect(wakeUps.count == 1)
    #expect(inbox.hurry(true))
    #expect(inbox.drain() == [2])
  }

  @Test func `a full inbox takes nothing, and a batch that does not fit not even in part`() {
    let inbox = Inbox<Int>(limit: 2) {}
    #expect(inbox.offer(1))
    #expect(!inbox.offer(contentsOf: [2, 3]))
    #expect(inbox.offer(2))
    #expect(!inbox.offer(3))
    #expect(inbox.drain() == [1, 2])
  }

  @Test func `a closed inbox gives back what waits and takes no more`() {
    let wakeUps = Counter()
    let inbox = Inbox<Int>(limit: 2) { wakeUps.add() }
    #expect(inbox.offer(1))
    inbox.close()
    #expect(!inbox.offer(2))
    #expect(wakeUps.count == 2)
    #expect(inbox.drain() == [1])
  }

  @Test func `a worker does everything that was posted, in order, before it ends`() {
    let done = Mutex<[Int]>([])
    let worker = Worker<Int>(name: "test")
    worker.run(
      start: { 0 },
      work: { sum, jobs in for job in jobs { sum += job } },
      end: { sum in done.withLock { $0.append(sum) } })
    for job in 1...1000 { worker.post(job) }
    worker.finish()
    #expect(done.withLock { $0 } == [500_500])
    worker.post(1)
  }

  @Test func `a worker has turns at its times, and one for what comes before`() {
    let turns = Mutex<[[Int]]>([])
    let worker = Worker<Int>(name: "test")
    worker.run(
      start: {}, firstTurn: .distantFuture,
      turn: { (_: inout Void, jobs: [Int]) in
        let count = turns.withLock { turns in
          turns.append(jobs)
          return turns.count
        }
        // Twice at once, then when something comes.
        return count < 3 ? .zero : .distantFuture
      }, end: { (_: inout Void) in })
    worker.post(7)
    while turns.withLock({ $0.count < 3 }) { Thread.sleep(forTimeInterval: 0.001) }
    worker.finish()
    #expect(turns.withLock { $0.prefix(3) } == [[7], [], []])
  }
}

/// Where log lines go.
@Suite struct LogSinkTests {
  /// A pipe that nobody reads until told to.
  private func pipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    precondition(Foundation.pipe(&ends) == 0)
    return (ends[0], ends[1])
  }

  private func readAll(_ descriptor: Int32) -> String {
    String(
      decoding: FileHandle(fileDescriptor: descriptor).readDataToEndOfFile(), as: UTF8.self)
  }

  @Test func `a reader that stops stops no one, and what is dropped is counted`() {
    let pipe = pipe()
    let sink = LogSink(descriptor: pipe.write, format: .text, limit: 100)
    let line = String(repeating: "x", count: 1000)
    // A pipe holds 64 KiB: the thread is stuck in its write long before this ends.
    for _ in 0..<1000 { sink.offer(line) }
    let text = Mutex("")
    let isRead = DispatchSemaphore(value: 0)
    let reader = Thread { [self] in
      text.withLock { $0 = readAll(pipe.read) }
      isRead.signal()
    }
    reader.start()
    sink.close()
    close(pipe.write)
    #expect(isRead.wait(timeout: .now() + .seconds(10)) == .success)
    #expect(text.withLock { $0 }.contains("log lines were dropped"))
  }

  @Test func `a line of text quotes what would not be read back`() {
    let line = LogLine(
      level: .info, message: "hello", metadata: ["b": "two words", "a": "1"]
    ).text(.text)
    #expect(line.hasSuffix(" info hello a=1 b=\"two words\""))
  }

  @Test func `a line of JSON escapes what JSON reserves`() {
    let line = LogLine(level: .error, message: "a \"b\"\n\u{1}", metadata: ["k": "v"]).text(.json)
    #expect(line.hasSuffix(#""level":"error","msg":"a \"b\"\n\u0001","k":"v"}"#))
  }
}

/// What `/metrics` counts.
@Suite struct MetricsTests {
  @Test func `a duration falls into its bucket and into all above`() {
    let histogram = DurationHistogram()
    histogram.record(.microseconds(100))
    histogram.record(.microseconds(101))
    histogram.record(.seconds(100))
    let text = histogram.text("h")
    #expect(text.contains("h_bucket{le=\"0.0001\"} 1\n"))
    #expect(text.contains("h_bucket{le=\"0.0002\"} 2\n"))
    #expect(text.contains("h_bucket{le=\"+Inf\"} 3\n"))
    #expect(text.hasSuffix("h_count 3\n"))
  }

  @Test func `a refusal is counted under its rule alone`() {
    let metrics = Metrics()
    metrics.refused(.quorum)
    let text = metrics.text(Metrics.Gauges())
    #expect(text.contains("quorate_refusals_total{rule=\"quorum\"} 1\n"))
    #expect(text.contains("quorate_refusals_total{rule=\"noLeader\"} 0\n"))
  }
}
