import QuorateClient
import NIOCore
import NIOPosix
import RPC

/// Plays a load: connects, warms up, measures as often as one likes, closes.
public final class LoadSession: Sendable {
  private let load: Load
  private let requests: LoadRequests
  private let group: MultiThreadedEventLoopGroup
  /// By event loop; each has at least one.
  private let lines: [[LoadLine]]

  private init(
    _ load: Load, _ group: MultiThreadedEventLoopGroup, _ lines: [[LoadLine]]
  ) {
    self.load = load
    self.group = group
    self.lines = lines
    requests = LoadRequests(load)
  }

  /// *Throws* when the load makes no sense or a connection cannot be made.
  public static func open(_ load: Load) async throws(Load.Failure) -> LoadSession {
    try load.check()
    let connections = min(load.connections, load.clients)
    let threads = min(load.threads, connections)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    let loops = (0..<threads).map { _ in group.next() }
    var lines: [[LoadLine]] = loops.map { _ in [] }
    for number in 0..<connections {
      let endpoint = load.endpoints[number % load.endpoints.count]
      do throws(ConnectFailure) {
        let connection = try await RPCConnection.connect(
          host: endpoint.host, port: endpoint.port, on: loops[number % threads])
        lines[number % threads].append(LoadLine(load, number: number, connection: connection))
      } catch {
        await LoadSession(load, group, lines).close()
        throw .unreachable("\(endpoint): \(error)")
      }
    }
    return LoadSession(load, group, lines)
  }

  /// Requests that nobody counts.
  public func warmUp() async {
    guard load.warmUp > 0, load.operation != .load else { return }
    _ = await play(.requests(load.warmUp), rate: nil) { _ in }
  }

  /// `onProgress` is called about once a second.
  public func measure(
    onProgress: @escaping @Sendable (LoadMoment) -> Void = { _ in }
  ) async -> LoadReport {
    let extent = requests.limit.map { Load.Extent.requests($0) } ?? load.extent
    return await play(extent, rate: load.rate, onProgress: onProgress)
  }

  public func close() async {
    for line in lines.joined() {
      // Neither fails for a reason that matters: the loops run until the group ends below.
      let connection = try? await line.loop.submit { line.close() }.get()
      await connection?.close()
    }
    try? await group.shutdownGracefully()
  }

  private func play(
    _ extent: Load.Extent, rate: Double?, onProgress: @escaping @Sendable (LoadMoment) -> Void
  ) async -> LoadReport {
    let start = LoadLane.now
    let progress = LoadProgress(extent, at: start)
    let timetable = rate.map { LoadTimetable(extent, rate: $0, at: start) }
    let ticker = group.next().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
      _ in onProgress(progress.moment(at: LoadLane.now))
    }
    defer { ticker.cancel() }
    let ends = lines.enumerated().map { number, lines in
      let lane = LoadLane(
        load, requests, progress, lines: lines, timetable: timetable, number: number,
        of: self.lines.count)
      let clients = share(of: number)
      return lines[0].loop.flatSubmit { lane.play(clients: clients) }
    }
    var report = LoadReport()
    for end in ends {
      // A lane's promise never fails, and its loop runs until this session closes.
      if let more = try? await end.get() { report.merge(more) }
    }
    return report
  }

  /// How many of the clients a lane has.
  private func share(of lane: Int) -> Int {
    load.clients / lines.count + (lane < load.clients % lines.count ? 1 : 0)
  }
}
