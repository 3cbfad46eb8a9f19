import QuorateClient
import EtcdAPI
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

@testable import LoadGenerator

@Suite(.timeLimit(.minutes(1))) struct `A load is played` {
  private static let stall = Duration.milliseconds(400)

  /// Keeps what comes within `stall` of the first request, and answers it then; after that it
  /// answers at once.
  private final class StallingMember: Sendable {
    private struct State {
      var isOver = false
      var kept: [UnaryCall] = []
    }

    private let state = Mutex(State())
    private let server = Mutex<RPCServer?>(nil)

    func start() async throws -> Endpoint {
      var table = MethodTable()
      table.unary(EtcdMethod.KV.range) { [self] call in
        let (isOver, isFirst) = state.withLock { state in
          if !state.isOver { state.kept.append(call) }
          return (state.isOver, state.kept.count == 1)
        }
        if isOver { return call.answer([]) }
        guard isFirst else { return }
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(
          in: TimeAmount(`A load is played`.stall)
        ) { self.release() }
      }
      let started = try await RPCServer.start(
        host: "127.0.0.1", port: 0, methods: table,
        http: { $0.answer(HTTPResponse(status: 404, "no such page")) },
        group: MultiThreadedEventLoopGroup.singleton)
      server.withLock { $0 = started }
      return try Endpoint("127.0.0.1:\(started.address.port ?? 0)")
    }

    func stop() async { await server.withLock { $0 }?.shutDown(grace: .zero) }

    private func release() {
      let kept = state.withLock { state in
        state.isOver = true
        defer { state.kept = [] }
        return state.kept
      }
      for call in kept { call.answer([]) }
    }
  }

  private func play(_ load: Load) async throws -> LoadReport {
    let session = try await LoadSession.open(load)
    await session.warmUp()
    let report = await session.measure()
    await session.close()
    return report
  }

  /// Four clients ask 500 times; the server stalls for 400 ms.
  private func playOverStall(rate: Double?) async throws -> LoadReport {
    let member = StallingMember()
    var load = Load(operation: .get, endpoints: [try await member.start()])
    (load.clients, load.connections, load.warmUp) = (4, 2, 0)
    (load.extent, load.rate) = (.requests(500), rate)
    let report = try await play(load)
    await member.stop()
    return report
  }

  /// In one second of which the server stalls for 0.4, the 150 requests that were to begin in its
  /// first 0.3 s waited for 0.1 s and longer, though only four of them could be sent.
  @Test func `with a rate, a stall is charged for all that it kept waiting`() async throws {
    let report = try await playOverStall(rate: 500)
    #expect(report.requests == 500 && report.errors.isEmpty)
    #expect(report.latencies.percentile(0.72) >= 100_000_000)
    #expect(report.latencies.maximum >= 390_000_000)
    #expect(report.elapsed >= .milliseconds(990))
    #expect(report.longestGap >= .milliseconds(390))
  }

  /// The contrast: the same stall hides behind the clients that it kept from asking.
  @Test func `without a rate, only those that ask see a stall`() async throws {
    let report = try await playOverStall(rate: nil)
    #expect(report.requests == 500 && report.errors.isEmpty)
    #expect(report.latencies.percentile(0.9) < 100_000_000)
    #expect(report.latencies.maximum >= 390_000_000)
  }

  @Test(arguments: [1, 3])
  func `a total is asked exactly, over any number of threads`(threads: Int) async throws {
    let member = try await StubMember(.answers)
    var load = Load(operation: .put, endpoints: [member.endpoint])
    (load.clients, load.connections, load.threads) = (10, 4, threads)
    (load.extent, load.warmUp) = (.requests(333), 17)
    let report = try await play(load)
    #expect(report.requests == 333 && report.errors.isEmpty && report.perSecond > 0)
    #expect(member.calls.count == 350)
    await member.stop()
  }

  @Test func `seconds end a load`() async throws {
    let member = try await StubMember(.answers)
    var load = Load(operation: .get, endpoints: [member.endpoint])
    load.extent = .time(.milliseconds(100))
    let report = try await play(load)
    #expect(report.requests > 0 && report.elapsed >= .milliseconds(90))
    await member.stop()
  }

  @Test func `failures are counted by their text, and are no throughput`() async throws {
    let member = try await StubMember(.fails(.noLeader, nil))
    var load = Load(operation: .put, endpoints: [member.endpoint])
    (load.clients, load.extent, load.warmUp) = (5, .requests(50), 0)
    let report = try await play(load)
    #expect(report.errors == ["etcdserver: no leader": 50])
    #expect(report.requests == 50 && report.perSecond == 0)
    await member.stop()
  }

  /// A rate that the server does not keep ends in counted failures, not in a run without an end.
  @Test func `what could not be sent in time is a failure`() async throws {
    let member = try await StubMember(.isSilent)
    var load = Load(operation: .get, endpoints: [member.endpoint])
    (load.clients, load.connections, load.rate, load.warmUp) = (2, 1, 1_000, 0)
    (load.extent, load.timeout) = (.requests(100), .milliseconds(100))
    let report = try await play(load)
    #expect(report.requests == 100 && report.errorCount == 100 && report.perSecond == 0)
    #expect(report.errors["not sent: the server fell behind the rate", default: 0] >= 90)
    await member.stop()
  }

  @Test func `when its server goes away, a connection moves to the next endpoint`() async throws {
    let (first, second) = (try await StubMember(.answers), try await StubMember(.answers))
    var load = Load(operation: .get, endpoints: [first.endpoint, second.endpoint])
    (load.clients, load.connections, load.warmUp) = (2, 1, 0)
    (load.extent, load.timeout) = (.time(.milliseconds(700)), .milliseconds(300))
    let session = try await LoadSession.open(load)
    async let measured = session.measure()
    await first.stop()
    let report = await measured
    await session.close()
    #expect(report.requests > 100 && report.errorCount < 10)
    #expect(second.calls.count > 0)
    await second.stop()
  }

  @Test func `an endpoint where nobody listens is a sentence`() async throws {
    let load = Load(operation: .get, endpoints: [try Endpoint("127.0.0.1:1")])
    let failure = await #expect(throws: Load.Failure.self) {
      _ = try await LoadSession.open(load)
    }
    #expect(failure == .unreachable("127.0.0.1:1: refused"))
  }

  @Test func `a page of metrics is read by its names`() async throws {
    let page = MetricsPage(
      text: "# TYPE a counter\na 7\nb{le=\"1\"} 2\nc 1.5e3 1700000000\nd\ne x\n")
    #expect(page["a"] == 7 && page["c"] == 1500 && page["b{le=\"1\"}"] == 2)
    #expect(page["d"] == nil && page["e"] == nil)
    let member = try await StubMember(.answers)
    #expect(await MetricsPage.fetch(from: member.endpoint) == nil, "it has no such page")
    await member.stop()
    #expect(await MetricsPage.fetch(from: try Endpoint("127.0.0.1:1")) == nil)
  }
}
