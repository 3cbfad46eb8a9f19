import Foundation
import SwiftProtobuf

/// What the API looks like, for those who ask a server (`grpc.reflection.v1`): every .proto file as
/// a descriptor, found by its name and by what it declares.
public struct Descriptors: Sendable {
  private struct File {
    /// `google.protobuf.FileDescriptorProto`.
    var encoded: [UInt8]
    var imports: [String]
  }

  private var files: [String: File] = [:]
  /// Which file declares a name.
  private var homes: [String: String] = [:]
  /// Full names of messages: those alone can have extensions.
  private var messages: Set<String> = []

  /// Those of `Protos/`.
  public static let api = Descriptors()

  private init() {
    guard let bytes = Data(base64Encoded: encodedDescriptorSet, options: .ignoreUnknownCharacters),
      let set = try? Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
    else { preconditionFailure("the committed descriptors are damaged: generate-protos") }
    for file in set.file { add(file) }
  }

  /// The encoded descriptor of a file, then those of all that it imports; `nil`: there is no such
  /// file.
  public func files(named name: String) -> [[UInt8]]? {
    guard files[name] != nil else { return nil }
    var order = [name]
    var next = 0
    while next < order.count {
      for name in files[order[next]]?.imports ?? [] where !order.contains(name) {
        order.append(name)
      }
      next += 1
    }
    return order.compactMap { files[$0]?.encoded }
  }

  /// The same for the file that declares a service, a method, a message, an enumeration or a part
  /// of one.
  public func files(declaring symbol: String) -> [[UInt8]]? {
    homes[symbol].flatMap { files(named: $0) }
  }

  public func isMessage(_ name: String) -> Bool { messages.contains(name) }

  // MARK: Reading the set

  private mutating func add(_ file: Google_Protobuf_FileDescriptorProto) {
    files[file.name] = File(encoded: file.encodedBytes, imports: file.dependency)
    for service in file.service {
      let name = "\(file.package).\(service.name)"
      homes[name] = file.name
      for method in service.method { homes["\(name).\(method.name)"] = file.name }
    }
    for message in file.messageType { add(message, below: file.package, file.name) }
    for kind in file.enumType { add(kind, below: file.package, file.name) }
  }

  private mutating func add(
    _ message: Google_Protobuf_DescriptorProto, below scope: String, _ file: String
  ) {
    let name = "\(scope).\(message.name)"
    homes[name] = file
    messages.insert(name)
    for field in message.field { homes["\(name).\(field.name)"] = file }
    for union in message.oneofDecl { homes["\(name).\(union.name)"] = file }
    for kind in message.enumType { add(kind, below: name, file) }
    for inner in message.nestedType { add(inner, below: name, file) }
  }

  /// The values of an enumeration are named beside it, not below it.
  private mutating func add(
    _ kind: Google_Protobuf_EnumDescriptorProto, below scope: String, _ file: String
  ) {
    homes["\(scope).\(kind.name)"] = file
    for value in kind.value { homes["\(scope).\(value.name)"] = file }
  }
}
