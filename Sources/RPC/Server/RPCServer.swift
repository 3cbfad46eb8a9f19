public import NIOCore
internal import NIOPosix
internal import Synchronization

/// Why a server cannot listen.
public enum ListenFailure: Error, Equatable, Sendable {
  /// Another process has the port.
  case addressInUse
  /// The host is no address of this machine, or is unknown.
  case addressNotAvailable
  case notPermitted
  /// What the system says.
  case other(String)
}

/// A server on one address: gRPC by HTTP/2, and HTTP/1.1 on the same port.
public final class RPCServer: Sendable {
  /// Where it listens; with the port that the system chose when 0 was asked for.
  public let address: SocketAddress

  private struct State {
    var connections: [ObjectIdentifier: ServerConnection] = [:]
    var isParting = false
    /// Completed when the last connection has gone.
    var emptied: EventLoopPromise<Void>?
  }

  private let listener: any Channel
  private let acceptor: Acceptor

  private init(listener: any Channel, address: SocketAddress, acceptor: Acceptor) {
    self.listener = listener
    self.address = address
    self.acceptor = acceptor
  }

  /// Listens on the host and port; a port of 0 lets the system choose. Connections are spread over
  /// the group's loops. `holds`: shared with whoever answers calls in batches.
  public static func start(
    host: String, port: Int, settings: ServerSettings = ServerSettings(), methods: MethodTable,
    http: @escaping HTTPHandler, group: any EventLoopGroup, holds: FlushHolds? = nil
  ) async throws(ListenFailure) -> RPCServer {
    let acceptor = Acceptor(
      settings: settings, methods: methods, http: http, group: group,
      holds: holds ?? FlushHolds(group))
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 1024)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try acceptor.accept(channel) }
      }
    do {
      let listener = try await bootstrap.bind(host: host, port: port).get()
      guard let address = listener.localAddress else {
        throw ListenFailure.other("the listening socket has no address")
      }
      return RPCServer(listener: listener, address: address, acceptor: acceptor)
    } catch {
      throw ListenFailure(error)
    }
  }

  /// Client connections now.
  public var connectionCount: Int { acceptor.state.withLock { $0.connections.count } }

  /// Takes no new connection and no new call, lets the calls in flight end for at most the grace,
  /// then closes what is left. Returns when every connection is closed.
  public func shutDown(grace: Duration) async {
    try? await listener.close().get()
    let emptied = listener.eventLoop.makePromise(of: Void.self)
    acceptor.part(emptied)
    let force = listener.eventLoop.scheduleTask(in: TimeAmount(grace)) {
      self.acceptor.closeAll()
    }
    try? await emptied.futureResult.get()
    force.cancel()
  }

  /// Takes connections in and knows those that are open.
  private final class Acceptor: Sendable {
    let state = Mutex(State())
    private let settings: ServerSettings
    private let methods: MethodTable
    private let http: HTTPHandler
    private let loops: [ObjectIdentifier: ServerLoop]

    init(
      settings: ServerSettings, methods: MethodTable, http: @escaping HTTPHandler,
      group: any EventLoopGroup, holds: FlushHolds
    ) {
      self.settings = settings
      self.methods = methods
      self.http = http
      var loops: [ObjectIdentifier: ServerLoop] = [:]
      for eventLoop in group.makeIterator() {
        loops[ObjectIdentifier(eventLoop)] = ServerLoop(
          eventLoop: eventLoop, hold: holds[eventLoop],
          bufferLimitBytes: settings.bufferLimitBytes)
      }
      self.loops = loops
    }

    func accept(_ channel: any Channel) throws {
      guard let loop = loops[ObjectIdentifier(channel.eventLoop)] else {
        preconditionFailure("a connection on a loop outside the group")
      }
      let connection = ServerConnection(
        channel: channel, loop: loop, settings: settings, methods: methods, httpHandler: http)
      let isTaken = state.withLock { state in
        guard !state.isParting, state.connections.count < settings.connectionLimit else {
          return false
        }
        state.connections[ObjectIdentifier(connection)] = connection
        return true
      }
      guard isTaken else { throw ChannelError.ioOnClosedChannel }
      channel.closeFuture.whenComplete { _ in self.forget(connection) }
      try channel.pipeline.syncOperations.addHandler(ProtocolSniffer(connection: connection))
    }

    private func forget(_ connection: ServerConnection) {
      let emptied = state.withLock { state -> EventLoopPromise<Void>? in
        state.connections.removeValue(forKey: ObjectIdentifier(connection))
        return state.connections.isEmpty ? state.emptied.take() : nil
      }
      emptied?.succeed()
    }

    func part(_ emptied: EventLoopPromise<Void>) {
      let connections = state.withLock { state in
        precondition(!state.isParting, "a server is shut down twice")
        state.isParting = true
        if !state.connections.isEmpty { state.emptied = emptied }
        return state.connections.values.map { $0 }
      }
      if connections.isEmpty { emptied.succeed() }
      for connection in connections { connection.eventLoop.execute { connection.part() } }
    }

    func closeAll() {
      let connections = state.withLock { $0.connections.values.map { $0 } }
      for connection in connections { connection.channel.close(promise: nil) }
    }
  }
}

extension ListenFailure {
  /// What an error of binding a socket means.
  public init(_ error: any Error) {
    if let failure = error as? ListenFailure {
      self = failure
    } else if let error = error as? IOError,
      let failure = SystemError.listenFailure(error.errnoCode)
    {
      self = failure
    } else if error is SocketAddressError {
      self = .addressNotAvailable
    } else {
      self = .other(String(describing: error))
    }
  }
}
