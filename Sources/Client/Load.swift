import EtcdAPI
import Foundation
import NIOCore
import NIOPosix
import RPC

/// A closed loop of clients against any etcd v3 server: each sends its next request when the
/// answer to its last one has come.
public struct Load: Sendable {
  public enum Operation: String, Sendable, CaseIterable {
    case put
    /// Linearizable.
    case get
    case serializableGet = "get-serializable"
  }

  public var operation: Operation
  public var endpoints: [Endpoint]
  public var clients = 100
  /// Spread evenly over the endpoints; the clients are spread evenly over them.
  public var connections = 10
  public var requests = 20_000
  /// Answered before measuring begins.
  public var warmUp = 1_000
  public var valueBytes = 256
  /// How many different keys are used.
  public var keys = 10_000

  /// *Precondition*: at least one endpoint.
  public init(operation: Operation, endpoints: [Endpoint]) {
    precondition(!endpoints.isEmpty, "a load needs an endpoint")
    self.operation = operation
    self.endpoints = endpoints
  }

  /// A load that could not begin.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// *Throws* when a connection cannot be made. Requests that fail are counted in the report.
  public func run() async throws(Failure) -> LoadReport {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var opened: [RPCConnection] = []
    var failure: Failure?
    for number in 0..<max(1, min(connections, clients)) where failure == nil {
      let endpoint = endpoints[number % endpoints.count]
      do throws(ConnectFailure) {
        opened.append(
          try await .connect(host: endpoint.host, port: endpoint.port, on: group.next()))
      } catch {
        failure = Failure(description: "\(endpoint): \(error)")
      }
    }
    var report = LoadReport()
    if failure == nil {
      if warmUp > 0 { _ = await LoadRun.run(self, over: opened, requests: warmUp) }
      report = await LoadRun.run(self, over: opened, requests: requests)
    }
    for connection in opened { await connection.close() }
    // Its loops have nothing left to do, so this cannot fail for a reason that matters.
    try? await group.shutdownGracefully()
    if let failure { throw failure }
    return report
  }

  /// The request with this number: the keys come in no order that a tree would like.
  func message(_ number: Int) -> [UInt8] {
    let mixed = (UInt64(number) &* 0x9e37_79b9_7f4a_7c15) >> 20
    let digits = String(mixed % UInt64(keys), radix: 16)
    let key = Array("load/\(String(repeating: "0", count: 15 - digits.count))\(digits)".utf8)
    switch operation {
    case .put:
      return EtcdPutRequest.make {
        $0.key = Data(key)
        $0.value = Data(repeating: UInt8(truncatingIfNeeded: mixed), count: valueBytes)
      }.encodedBytes
    case .get, .serializableGet:
      return EtcdRangeRequest.make {
        $0.key = Data(key)
        $0.serializable = operation == .serializableGet
      }.encodedBytes
    }
  }

  var method: String {
    switch operation {
    case .put: EtcdMethod.KV.put
    case .get, .serializableGet: EtcdMethod.KV.range
    }
  }
}

/// One measured stretch of a load. Every connection lives on the same loop, and so does this.
private final class LoadRun: @unchecked Sendable {
  private let load: Load
  private let requests: Int
  private let started = ContinuousClock.now
  private var sent = 0
  private var report = LoadReport()
  private let finished: CheckedContinuation<LoadReport, Never>

  static func run(
    _ load: Load, over connections: [RPCConnection], requests: Int
  ) async -> LoadReport {
    await withCheckedContinuation { continuation in
      let loop = connections[0].eventLoop
      loop.execute {
        let run = LoadRun(load, requests: requests, continuation)
        for client in 0..<min(load.clients, requests) {
          run.send(over: connections[client % connections.count])
        }
      }
    }
  }

  private init(
    _ load: Load, requests: Int, _ finished: CheckedContinuation<LoadReport, Never>
  ) {
    self.load = load
    self.requests = requests
    self.finished = finished
    report.latencies.reserveCapacity(requests)
  }

  private func send(over connection: RPCConnection) {
    guard sent < requests else { return }
    sent += 1
    let begun = ContinuousClock.now
    connection.call(load.method, load.message(sent), timeout: .seconds(10)) { outcome in
      self.answered(outcome, begun, over: connection)
    }
  }

  private func answered(
    _ outcome: CallOutcome, _ begun: ContinuousClock.Instant, over connection: RPCConnection
  ) {
    report.latencies.append(ContinuousClock.now - begun)
    if outcome.status.code != .ok { report.errors[outcome.status.message, default: 0] += 1 }
    if report.latencies.count == requests {
      report.elapsed = ContinuousClock.now - started
      finished.resume(returning: report)
    } else {
      send(over: connection)
    }
  }
}
