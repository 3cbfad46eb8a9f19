import KeyValue

/// The leases of a state file: a row each, with a checksum over all of it.
struct LeaseRows {
  private static let columns = "id, granted_ttl, renewed_at, expiry, checksum"

  private let connection: Connection
  private let put: Statement
  private let delete: Statement
  private let select: Statement

  init(_ connection: Connection) throws(StorageError) {
    self.connection = connection
    put = try connection.prepare(
      "INSERT OR REPLACE INTO lease(\(LeaseRows.columns)) VALUES (?1, ?2, ?3, ?4, ?5)")
    delete = try connection.prepare("DELETE FROM lease WHERE id = ?1")
    select = try connection.prepare("SELECT \(LeaseRows.columns) FROM lease ORDER BY id")
  }

  func write(_ leases: [Lease], ended: [Int64] = []) throws(StorageError) {
    for lease in leases {
      put.bind(lease.id, at: 1)
      put.bind(lease.grantedTTL, at: 2)
      put.bind(Int64(bitPattern: lease.renewedAt), at: 3)
      put.bind(lease.expiry, at: 4)
      put.bind(Int64(bitPattern: StateDigest(of: lease).checksum), at: 5)
      try put.run()
    }
    for id in ended {
      delete.bind(id, at: 1)
      try delete.run()
    }
  }

  /// All of them, ascending by id. *Throws* `damaged` if one is not what was written.
  func all() throws(StorageError) -> [Lease] {
    var leases: [Lease] = []
    try select.forEach { () throws(StorageError) in
      let lease = Lease(
        id: select.number(0), grantedTTL: select.number(1),
        renewedAt: UInt64(bitPattern: select.number(2)), expiry: select.number(3))
      guard select.number(4) == Int64(bitPattern: StateDigest(of: lease).checksum) else {
        throw .damaged(file: connection.file, place: "lease \(lease.id)")
      }
      leases.append(lease)
    }
    return leases
  }
}

/// A lease as a snapshot carries it: fixed order, little-endian.
extension Lease {
  static let encodedLength = 4 * 8

  func encode(into bytes: inout [UInt8]) {
    bytes.append(number: id)
    bytes.append(number: grantedTTL)
    bytes.append(number: renewedAt)
    bytes.append(number: expiry)
  }

  /// `nil`: the bytes end too early, or no lease has this id.
  init?(from cursor: inout ByteCursor) {
    guard let id = cursor.number(Int64.self), let grantedTTL = cursor.number(Int64.self),
      let renewedAt = cursor.number(UInt64.self), let expiry = cursor.number(Int64.self), id != 0
    else { return nil }
    self.init(id: id, grantedTTL: grantedTTL, renewedAt: renewedAt, expiry: expiry)
  }
}
