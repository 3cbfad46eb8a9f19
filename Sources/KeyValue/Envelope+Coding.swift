/// Why bytes are not a command envelope.
public enum EnvelopeError: Error, Hashable, Sendable {
  /// Written by a newer version of this program: the member stops before it applies.
  case unknownVersion(UInt8)
  /// Damaged: no version of this program wrote it.
  case malformed
}

extension CommandEnvelope {
  /// The bytes of a log entry's command.
  public func encoded() -> [UInt8] {
    preconditionFailure("under construction")
  }

  /// Never traps, whatever the bytes.
  public init(decoding bytes: [UInt8]) throws(EnvelopeError) {
    preconditionFailure("under construction")
  }
}
