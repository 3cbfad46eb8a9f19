import NIOPosix
import RPC
import Synchronization

/// One connection for each endpoint, made when it is first needed and again after it has ended.
final class ConnectionPool: Sendable {
  private let connections = Mutex<[Endpoint: RPCConnection]>([:])
  private let settings: ClientSettings

  init(settings: ClientSettings) { self.settings = settings }

  func connection(to endpoint: Endpoint) async throws(ConnectFailure) -> RPCConnection {
    if let connection = standing(endpoint) { return connection }
    let fresh = try await RPCConnection.connect(
      host: endpoint.host, port: endpoint.port, settings: settings,
      on: MultiThreadedEventLoopGroup.singleton.next())
    // Two callers may have connected at once: the first connection stays.
    let (chosen, surplus) = connections.withLock {
      connections -> (RPCConnection, RPCConnection?) in
      if let other = connections[endpoint], other.state == .ready { return (other, fresh) }
      return (fresh, connections.updateValue(fresh, forKey: endpoint))
    }
    if let surplus { await surplus.close() }
    return chosen
  }

  private func standing(_ endpoint: Endpoint) -> RPCConnection? {
    connections.withLock { connections in
      guard let connection = connections[endpoint], connection.state == .ready else { return nil }
      return connection
    }
  }

  func close() async {
    let open = connections.withLock { connections in
      defer { connections = [:] }
      return Array(connections.values)
    }
    for connection in open { await connection.close() }
  }
}
