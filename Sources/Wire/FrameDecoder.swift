/// Takes a connection's bytes as they come and gives its frames back.
public struct FrameDecoder: Sendable {
  public let limits: WireLimits

  public init(limits: WireLimits = WireLimits()) { self.limits = limits }

  public mutating func receive(_ bytes: UnsafeRawBufferPointer) {}

  public mutating func receive(_ bytes: [UInt8]) { bytes.withUnsafeBytes { receive($0) } }

  /// The next whole frame; `nil`: more bytes are needed. After an error the connection is over.
  public mutating func next() throws(WireError) -> Frame? { nil }
}
