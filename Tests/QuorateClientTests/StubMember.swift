import QuorateClient
import EtcdAPI
import NIOCore
import NIOPosix
import RPC
import Synchronization

/// A server that ends every call in one way, and counts the calls.
final class StubMember: Sendable {
  enum Behaviour: Sendable {
    case answers
    case fails(EtcdStatus, Why?)
    /// Never answers: the client's own deadline ends the call.
    case isSilent
  }

  private static let methods = [
    EtcdMethod.KV.range, EtcdMethod.KV.put, EtcdMethod.KV.deleteRange, EtcdMethod.KV.txn,
    EtcdMethod.KV.compact, EtcdMethod.Cluster.memberList, EtcdMethod.Maintenance.status,
  ]

  let endpoint: Endpoint
  private let server: RPCServer
  private let counter: Counter

  /// Shared with the handlers, which are there before the member is.
  private final class Counter: Sendable {
    let calls = Mutex<[CallContext]>([])
  }

  var calls: [CallContext] { counter.calls.withLock { $0 } }

  init(_ behaviour: Behaviour, trailers: [(String, String)] = []) async throws {
    let counter = Counter()
    var table = MethodTable()
    for method in Self.methods {
      table.unary(method) { call in
        counter.calls.withLock { $0.append(call.context) }
        switch behaviour {
        case .answers:
          var metadata = Metadata()
          for (name, value) in trailers { metadata.add(name, value) }
          // An empty message of any kind is no bytes at all.
          call.answer([], trailers: metadata)
        case .fails(let status, let why):
          var metadata = Metadata()
          if let why { metadata.add(QuorateMetadata.why, bytes: why.encoded) }
          let code = RPCStatusCode(rawValue: status.code.rawValue) ?? .unknown
          call.fail(RPCStatus(code, status.text), trailers: metadata)
        case .isSilent: break
        }
      }
    }
    self.counter = counter
    server = try await RPCServer.start(
      host: "127.0.0.1", port: 0, methods: table,
      http: { $0.answer(HTTPResponse(status: 404, "no such page")) },
      group: MultiThreadedEventLoopGroup.singleton)
    endpoint = try Endpoint("127.0.0.1:\(server.address.port ?? 0)")
  }

  func stop() async { await server.shutDown(grace: .zero) }
}
