import Base
import NIOCore
import Synchronization

/// What the lanes of one measured stretch share.
final class LoadProgress: Sendable {
  /// Nanoseconds of the monotonic clock.
  let startedAt: Int64
  private let extent: Load.Extent
  private let taken = Atomic(0)
  private let answered = Atomic(0)
  private let failed = Atomic(0)
  private let lastGoodAt: Atomic<Int64>

  init(_ extent: Load.Extent, at now: Int64) {
    self.extent = extent
    startedAt = now
    lastGoodAt = Atomic(now)
  }

  /// The number of the next request of a closed loop; `nil`: there is none.
  func take(at now: Int64) -> Int? {
    switch extent {
    case .time(let time):
      guard now - startedAt < time.nanoseconds else { return nil }
      return taken.wrappingAdd(1, ordering: .relaxed).oldValue
    case .requests(let total):
      let number = taken.wrappingAdd(1, ordering: .relaxed).oldValue
      return number < total ? number : nil
    }
  }

  /// Counts an answer, and returns how long none had gone well before this one.
  func noteAnswer(isGood: Bool, at now: Int64) -> Int64 {
    guard isGood else {
      failed.wrappingAdd(1, ordering: .relaxed)
      return 0
    }
    answered.wrappingAdd(1, ordering: .relaxed)
    return max(0, now - lastGoodAt.exchange(now, ordering: .relaxed))
  }

  func moment(at now: Int64) -> LoadMoment {
    LoadMoment(
      elapsed: .nanoseconds(now - startedAt), answered: answered.load(ordering: .relaxed),
      failed: failed.load(ordering: .relaxed))
  }
}

/// When the requests of an open loop should begin: request n at `startedAt + n / rate`, shared out
/// to the lanes in turn.
struct LoadTimetable: Sendable {
  let startedAt: Int64
  let rate: Double
  /// All requests of all lanes.
  let total: Int

  init(_ extent: Load.Extent, rate: Double, at now: Int64) {
    startedAt = now
    self.rate = rate
    total =
      switch extent {
      case .requests(let total): total
      case .time(let time): max(1, Int((Double(time.nanoseconds) / 1e9 * rate).rounded()))
      }
  }

  func start(of number: Int) -> Int64 { startedAt + Int64(Double(number) / rate * 1e9) }
}

/// The clients of one event loop, during one measured stretch.
///
/// Confined to its loop.
final class LoadLane: @unchecked Sendable {
  /// What a client waits after a failure, lest it ask nothing but why it is refused.
  private static let pause = TimeAmount.milliseconds(5)

  private let load: Load
  private let requests: LoadRequests
  private let progress: LoadProgress
  private let lines: [LoadLine]
  private let loop: any EventLoop
  private let finished: EventLoopPromise<LoadReport>
  private var report = LoadReport()
  private var inFlight = 0
  /// Until then nothing ends, however fast the first answers are.
  private var isStarted = false

  /// Of an open loop: the number of the next request, and how far it is to the one after.
  private let timetable: LoadTimetable?
  private var nextNumber: Int
  private let stride: Int
  private var freeClients: [Int] = []
  private var alarm: Scheduled<Void>?

  /// *Precondition*: at least one line, all on one loop; `number` in `0 ..< lanes`.
  init(
    _ load: Load, _ requests: LoadRequests, _ progress: LoadProgress, lines: [LoadLine],
    timetable: LoadTimetable?, number: Int, of lanes: Int
  ) {
    precondition(!lines.isEmpty && (0..<lanes).contains(number), "lane \(number) of \(lanes)")
    self.load = load
    self.requests = requests
    self.progress = progress
    self.lines = lines
    self.timetable = timetable
    loop = lines[0].loop
    finished = loop.makePromise()
    nextNumber = number
    stride = lanes
  }

  /// On the loop. The future completes when the last answer is there.
  func play(clients: Int) -> EventLoopFuture<LoadReport> {
    if timetable == nil {
      for client in 0..<clients { next(client) }
    } else {
      freeClients = Array((0..<clients).reversed())
      keepTimetable()
    }
    isStarted = true
    endIfDone()
    return finished.futureResult
  }

  static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

  // MARK: Closed loop

  private func next(_ client: Int) {
    let now = Self.now
    guard let number = progress.take(at: now) else { return }
    send(number, client, begunAt: now)
  }

  // MARK: Open loop

  /// Sends what is due as long as a client is free, and comes back for what is next.
  ///
  /// A request that waits for a free client began when the timetable says: its latency counts from
  /// there, else a server that stalls would be asked, and blamed, less (coordinated omission).
  private func keepTimetable() {
    guard let timetable else { return }
    let now = Self.now
    while nextNumber < timetable.total {
      let due = timetable.start(of: nextNumber)
      if due > now {
        if !freeClients.isEmpty { wake(at: due) }
        break
      }
      let number = nextNumber
      if now - timetable.start(of: timetable.total) > load.timeout.nanoseconds {
        nextNumber += stride
        giveUp(begunAt: due, at: now)
      } else if let client = freeClients.popLast() {
        nextNumber += stride
        send(number, client, begunAt: due)
      } else {
        break
      }
    }
    endIfDone()
  }

  private func wake(at instant: Int64) {
    alarm?.cancel()
    alarm = loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(instant))) {
      self.keepTimetable()
    }
  }

  /// The server is so far behind the timetable that the rest is not sent any more.
  private func giveUp(begunAt: Int64, at now: Int64) {
    note("not sent: the server fell behind the rate", 0, now - begunAt, at: now)
  }

  // MARK: Both

  /// Sends a request, or goes on with this call of it.
  private func send(_ number: Int, _ client: Int, begunAt: Int64, call: Int = 0) {
    inFlight += 1
    let message = requests.message(number, call: call)
    lines[client % lines.count].send(requests.methods[call], message) { error, bytes in
      let now = Self.now
      if error == nil, call + 1 < self.requests.methods.count {
        self.inFlight -= 1
        return self.send(number, client, begunAt: begunAt, call: call + 1)
      }
      self.inFlight -= 1
      self.note(error, bytes, max(0, now - begunAt), at: now)
      self.answered(client, isGood: error == nil)
    }
  }

  private func note(_ error: String?, _ bytes: Int, _ latency: Int64, at now: Int64) {
    report.latencies.record(latency)
    report.answerBytes += bytes
    if let error { report.errors[error, default: 0] += 1 }
    let gap = progress.noteAnswer(isGood: error == nil, at: now)
    report.longestGap = max(report.longestGap, .nanoseconds(gap))
    report.elapsed = .nanoseconds(now - progress.startedAt)
  }

  private func answered(_ client: Int, isGood: Bool) {
    if timetable != nil {
      freeClients.append(client)
      keepTimetable()
    } else if isGood {
      next(client)
      endIfDone()
    } else {
      inFlight += 1
      loop.scheduleTask(in: Self.pause) {
        self.inFlight -= 1
        self.next(client)
        self.endIfDone()
      }
    }
  }

  private func endIfDone() {
    guard isStarted, inFlight == 0, timetable.map({ nextNumber >= $0.total }) ?? true else {
      return
    }
    alarm?.cancel()
    finished.succeed(report)
  }
}
