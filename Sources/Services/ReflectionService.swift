public import EtcdAPI
import Foundation

/// The service `grpc.reflection.v1.ServerReflection` without its sockets, and by its older name
/// `v1alpha`, whose messages are the same.
public struct ReflectionService: Sendable {
  /// Full names of the services that the server has, in order.
  private let services: [String]

  public init(services: [String]) { self.services = services.sorted() }

  /// Answers one message of a stream.
  public func answer(body: [UInt8]) throws(EtcdStatus) -> [UInt8] {
    let request: GRPCServerReflectionRequest = try decoded(body)
    return GRPCServerReflectionResponse.make {
      $0.validHost = request.host
      $0.originalRequest = request
      $0.messageResponse = answer(to: request.messageRequest)
    }.encodedBytes
  }

  private func answer(
    to request: GRPCServerReflectionRequest.OneOf_MessageRequest?
  ) -> GRPCServerReflectionResponse.OneOf_MessageResponse {
    switch request {
    case .listServices:
      return .listServicesResponse(
        .make { $0.service = services.map { name in .make { $0.name = name } } })
    case .fileByFilename(let name):
      return files(Descriptors.api.files(named: name), else: "file not found: \(name)")
    case .fileContainingSymbol(let symbol):
      return files(Descriptors.api.files(declaring: symbol), else: "symbol not found: \(symbol)")
    case .fileContainingExtension(let request):
      return Self.error(
        .notFound, "extension not found: \(request.extensionNumber) of \(request.containingType)")
    case .allExtensionNumbersOfType(let name):
      guard Descriptors.api.isMessage(name) else {
        return Self.error(.notFound, "type not found: \(name)")
      }
      return .allExtensionNumbersResponse(.make { $0.baseTypeName = name })
    case nil: return Self.error(.invalidArgument, "the request asks for nothing")
    }
  }

  private func files(
    _ files: [[UInt8]]?, else text: String
  ) -> GRPCServerReflectionResponse.OneOf_MessageResponse {
    guard let files else { return Self.error(.notFound, text) }
    return .fileDescriptorResponse(.make { $0.fileDescriptorProto = files.map { Data($0) } })
  }

  private static func error(
    _ code: EtcdStatus.Code, _ text: String
  ) -> GRPCServerReflectionResponse.OneOf_MessageResponse {
    .errorResponse(
      .make {
        $0.errorCode = Int32(code.rawValue)
        $0.errorMessage = text
      })
  }
}
