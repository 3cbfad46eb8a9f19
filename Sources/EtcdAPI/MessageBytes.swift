public import SwiftProtobuf

/// The bytes are no message of the kind that the method takes.
public struct MalformedMessage: Error, Hashable, Sendable {
  /// The message's name, as `etcdserverpb.PutRequest`.
  public var name: String
}

/// Bytes in and out, so that only this module has to know what makes them.
extension Message {
  public init(decoding bytes: [UInt8]) throws(MalformedMessage) {
    do {
      try self.init(serializedBytes: bytes)
    } catch {
      throw MalformedMessage(name: Self.protoMessageName)
    }
  }

  /// *Precondition*: the message is no larger than a protobuf message can be (2 GiB).
  public var encodedBytes: [UInt8] {
    do {
      return try serializedBytes()
    } catch {
      preconditionFailure("\(Self.protoMessageName) cannot be encoded: \(error)")
    }
  }
}
