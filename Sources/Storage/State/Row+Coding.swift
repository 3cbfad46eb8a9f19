import KeyValue

/// A row as a snapshot carries it, and the very bytes that its checksum covers.
extension Row {
  /// The six numbers before the key.
  static let numbersLength = 6 * 8

  /// About what the row takes in a chunk.
  var encodedLength: Int { Row.numbersLength + 8 + key.count + value.count }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(number: number)
    bytes.append(number: modRevision)
    bytes.append(number: subRevision)
    bytes.append(number: createRevision)
    bytes.append(number: version)
    bytes.append(number: lease)
    bytes.append(counted: key)
    bytes.append(counted: value)
  }

  /// `nil`: the bytes end too early.
  init?(from cursor: inout ByteCursor) {
    guard let number = cursor.number(Int64.self), let modRevision = cursor.number(Int64.self),
      let subRevision = cursor.number(Int64.self), let createRevision = cursor.number(Int64.self),
      let version = cursor.number(Int64.self), let lease = cursor.number(Int64.self),
      let key = cursor.counted(), let value = cursor.counted()
    else { return nil }
    self.init(
      number: number, modRevision: modRevision, subRevision: subRevision, key: Array(key),
      value: Array(value), createRevision: createRevision, version: version, lease: lease)
  }
}
