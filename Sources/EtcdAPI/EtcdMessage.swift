public import SwiftProtobuf

/// Any message of the API: all that other modules need to know of what makes them.
public typealias EtcdMessage = SwiftProtobuf.Message

/// The bytes are no message of the kind that the method takes.
public struct MalformedMessage: Error, Hashable, Sendable {
  /// The message's name, as `etcdserverpb.PutRequest`.
  public var name: String
}

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

  /// Every field. In a release build a message's description is no more than the name of its type.
  public var fieldText: String { textFormatString() }

  /// A message with some fields set.
  public static func make(_ fill: (inout Self) -> Void) -> Self {
    var message = Self()
    fill(&message)
    return message
  }
}

extension EtcdStatus {
  /// A body that is no such message is refused with grpc-go's code.
  public init(_ malformed: MalformedMessage) {
    self.init(.internal, "quorate: the body is no \(malformed.name)")
  }
}
