import EtcdAPI
import Foundation

/// Answers about leases (etcdctl printer_simple.go, printer_fields.go, printer_json.go).
extension Printer {
  func grant(_ response: EtcdLeaseGrantResponse) throws(CommandFailure) -> String {
    switch format {
    case .simple: "lease \(GoText.lease(response.id)) granted with TTL(\(response.ttl)s)\n"
    case .json: GoJSON(response).text + "\n"
    case .fields: Fields.lease(response.header, response.id, ttl: response.ttl)
    case .table, .protobuf: throw .unsupported(format)
    }
  }

  func revoke(_ id: Int64, _ response: EtcdLeaseRevokeResponse) throws(CommandFailure) -> String {
    switch format {
    case .simple: "lease \(GoText.lease(id)) revoked\n"
    case .json: GoJSON(response).text + "\n"
    case .fields: Fields.header(response.header)
    case .table, .protobuf: throw .unsupported(format)
    }
  }

  func keepAlive(_ response: EtcdLeaseKeepAliveResponse) throws(CommandFailure) -> String {
    switch format {
    case .simple: "lease \(GoText.lease(response.id)) keepalived with TTL(\(response.ttl))\n"
    case .json: GoJSON(response).text + "\n"
    case .fields: Fields.lease(response.header, response.id, ttl: response.ttl)
    case .table, .protobuf: throw .unsupported(format)
    }
  }

  func timeToLive(
    _ response: EtcdLeaseTimeToLiveResponse, withKeys: Bool
  ) throws(CommandFailure) -> String {
    switch format {
    case .simple: simple(response, withKeys: withKeys)
    case .json: GoJSON(response).text + "\n"
    case .fields: Fields.timeToLive(response)
    case .table, .protobuf: throw .unsupported(format)
    }
  }

  func leases(_ response: EtcdLeaseLeasesResponse) throws(CommandFailure) -> String {
    switch format {
    case .simple:
      "found \(response.leases.count) leases\n"
        + response.leases.map { GoText.lease($0.id) + "\n" }.joined()
    case .json: GoJSON(response).text + "\n"
    case .fields: Fields.leases(response)
    case .table, .protobuf: throw .unsupported(format)
    }
  }

  private func simple(_ response: EtcdLeaseTimeToLiveResponse, withKeys: Bool) -> String {
    let name = "lease \(GoText.lease(response.id))"
    guard response.grantedTtl != 0 || response.ttl != -1 else { return name + " already expired\n" }
    let keys = response.keys.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    return "\(name) granted with TTL(\(response.grantedTtl)s), remaining(\(response.ttl)s)"
      + (withKeys ? ", attached keys([\(keys)])" : "") + "\n"
  }
}

extension GoText {
  /// A lease's id as `%016x` prints it: sixteen places, the sign among them.
  static func lease(_ id: Int64) -> String {
    let digits = String(id.magnitude, radix: 16)
    let sign = id < 0 ? "-" : ""
    return sign + String(repeating: "0", count: max(0, 16 - sign.count - digits.count)) + digits
  }
}

/// The client's own structs, not the messages: their header's fields are among the others, and only
/// those leave out what is zero (etcd client/v3/lease.go).
extension GoJSON {
  init(_ response: EtcdLeaseGrantResponse) {
    self.init(response.header)
    always("ID", String(response.id))
    always("TTL", String(response.ttl))
    always("Error", GoText.json(response.error))
  }

  init(_ response: EtcdLeaseKeepAliveResponse) {
    self.init(response.header)
    always("ID", String(response.id))
    always("TTL", String(response.ttl))
  }

  init(_ response: EtcdLeaseRevokeResponse) {
    self.init()
    if response.hasHeader { always("header", GoJSON(response.header).text) }
  }

  init(_ response: EtcdLeaseTimeToLiveResponse) {
    self.init(response.header)
    always("id", String(response.id))
    always("ttl", String(response.ttl))
    always("granted-ttl", String(response.grantedTtl))
    let keys = response.keys.map { "\"" + $0.base64EncodedString() + "\"" }
    always("keys", keys.isEmpty ? "null" : GoJSON.list(keys))
  }

  init(_ response: EtcdLeaseLeasesResponse) {
    self.init(response.header)
    always("leases", GoJSON.list(response.leases.map { "{\"id\":\($0.id)}" }))
  }
}

extension Fields {
  static func lease(_ header: EtcdResponseHeader, _ id: Int64, ttl: Int64) -> String {
    self.header(header) + line("ID", id) + line("TTL", ttl)
  }

  static func timeToLive(_ response: EtcdLeaseTimeToLiveResponse) -> String {
    lease(response.header, response.id, ttl: response.ttl)
      + line("GrantedTTL", response.grantedTtl)
      + response.keys.map { line("Key", GoText.quoted($0)) }.joined()
  }

  static func leases(_ response: EtcdLeaseLeasesResponse) -> String {
    header(response.header) + response.leases.map { line("ID", $0.id) }.joined()
  }
}
