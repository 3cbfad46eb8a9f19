/// A number as people see ids: lower-case hexadecimal digits without leading zeros, as etcd prints
/// them.
public func hexadecimal(_ number: UInt64) -> String { String(number, radix: 16) }

/// Two lower-case hexadecimal digits a byte.
public func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
