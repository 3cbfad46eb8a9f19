import Base
import Dispatch
import Foundation
import Logging
import Raft
import Synchronization
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// The queue between two threads.
@Suite struct InboxTests {
  @Test func `a batch comes out whole and in order, with one wake-up`() {
    let wakeUps = WakeUps()
    let inbox = Inbox<Int>(limit: 10, wakes: wakeUps.wakeUp)
    #expect(inbox.offer(1))
    #expect(inbox.offer(contentsOf: [2, 3]))
    #expect(wakeUps.count == 1)
    #expect(inbox.drain() == [1, 2, 3])
    #expect(inbox.drain() == [])
    #expect(inbox.offer(4))
    #expect(wakeUps.count == 2)
  }

  @Test func `what is not urgent wakes nobody, and goes with what comes next`() {
    let wakeUps = WakeUps()
    let inbox = Inbox<Int>(limit: 10, wakes: wakeUps.wakeUp)
    #expect(inbox.offer(1, isUrgent: false))
    #expect(wakeUps.count == 0)
    #expect(inbox.offer(2))
    #expect(inbox.offer(3))
    #expect(wakeUps.count == 1)
    #expect(inbox.drain() == [1, 2, 3])
  }

  @Test func `who is in a hurry is woken by everything, and told of what has woken nobody`() {
    let wakeUps = WakeUps()
    let inbox = Inbox<Int>(limit: 10, wakes: wakeUps.wakeUp)
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
    let inbox = Inbox<Int>(limit: 2, wakes: .nobody)
    #expect(inbox.offer(1))
    #expect(!inbox.offer(contentsOf: [2, 3]))
    #expect(inbox.offer(2))
    #expect(!inbox.offer(3))
    #expect(inbox.drain() == [1, 2])
  }

  @Test func `a closed inbox gives back what waits and takes no more`() {
    let wakeUps = WakeUps()
    let inbox = Inbox<Int>(limit: 2, wakes: wakeUps.wakeUp)
    #expect(inbox.offer(1))
    inbox.close()
    #expect(!inbox.offer(2))
    #expect(wakeUps.count == 2)
    #expect(inbox.drain() == [1])
  }

  /// A lane that adds up, and writes down what it was given; its turns are due at once as often as
  /// `turnsAtOnce` says.
  private struct Adder: LaneHost {
    let turns: Told<[Int]>
    let sums: Told<Int>
    var turnsAtOnce = 0
    var sum = 0

    mutating func turn(_ letters: [Int]) -> Instant {
      turns.append(letters)
      for letter in letters { sum += letter }
      turnsAtOnce -= 1
      return turnsAtOnce > 0 ? .zero : .distantFuture
    }

    mutating func close() { sums.append(sum) }
  }

  @Test func `a lane's thread does everything that was posted before it ends`() {
    let (turns, sums) = (Told<[Int]>(), Told<Int>())
    let inbox = ThreadInbox<Int>()
    // What comes before there is a thread waits for it.
    inbox.post(1)
    let thread = LaneThread("test", inbox, Adder(turns: turns, sums: sums))
    for number in 2...1000 { inbox.post(number) }
    thread.finish()
    #expect(sums.take() == [500_500])
    #expect(turns.take().flatMap { $0 } == Array(1...1000))
    inbox.post(1)
  }

  @Test func `a lane's thread has turns at their times, and one for what comes before`() {
    let (turns, sums) = (Told<[Int]>(), Told<Int>())
    let inbox = ThreadInbox<Int>()
    let thread = LaneThread("test", inbox, Adder(turns: turns, sums: sums, turnsAtOnce: 3))
    inbox.post(7)
    while turns.count < 3 { Thread.sleep(forTimeInterval: 0.001) }
    thread.finish()
    #expect(turns.take().prefix(3) == [[7], [], []])
  }
}

/// Counts how often somebody was woken.
private struct WakeUps {
  private let semaphore = DispatchSemaphore(value: 0)
  private let counted = Counter()

  var wakeUp: WakeUp { .thread(semaphore) }

  var count: UInt64 {
    while semaphore.wait(timeout: .now()) == .success { counted.add() }
    return counted.count
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
