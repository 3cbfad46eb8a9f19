public import EtcdAPI

/// The service `grpc.health.v1.Health` without its sockets. As in etcd the member as a whole has a
/// status, under the empty name, and nothing else has.
public enum HealthService {
  /// Whether the service asked about is one that has a status.
  public static func isKnown(body: [UInt8]) throws(EtcdStatus) -> Bool {
    let request: GRPCHealthCheckRequest = try decoded(body)
    return request.service.isEmpty
  }

  /// grpc-go health/server.go `Check`.
  public static let unknown = EtcdStatus(.notFound, "unknown service")

  public static func message(isServing: Bool) -> [UInt8] {
    GRPCHealthCheckResponse.make { $0.status = isServing ? .serving : .notServing }.encodedBytes
  }

  /// What a watch of an unknown service is told instead of an end (grpc health.proto `Watch`).
  public static let unknownMessage =
    GRPCHealthCheckResponse.make { $0.status = .serviceUnknown }.encodedBytes
}
