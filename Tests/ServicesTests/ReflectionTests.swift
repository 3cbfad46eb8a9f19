import EtcdAPI
import Foundation
import Services
import Testing

/// What a server tells about its own API.
@Suite struct ReflectionTests {
  private let service = ReflectionService(services: ["b.Two", "a.One"])

  private func ask(
    _ fill: (inout GRPCServerReflectionRequest) -> Void
  ) throws -> GRPCServerReflectionResponse {
    let request = GRPCServerReflectionRequest.make(fill)
    let answer = try GRPCServerReflectionResponse(
      decoding: try service.answer(body: request.encodedBytes))
    #expect(answer.originalRequest == request)
    return answer
  }

  @Test func `services are listed in order`() throws {
    let answer = try ask { $0.listServices = "" }
    #expect(answer.listServicesResponse.service.map(\.name) == ["a.One", "b.Two"])
  }

  @Test(arguments: [
    "etcdserverpb.KV", "etcdserverpb.KV.Put", "etcdserverpb.PutRequest",
    "etcdserverpb.PutRequest.prev_kv", "etcdserverpb.RangeRequest.SortOrder",
    "etcdserverpb.RangeRequest.DESCEND", "mvccpb.Event.EventType", "v3lockpb.Lock.Unlock",
    "etcdserverpb.WatchRequest.request_union", "grpc.reflection.v1alpha.ServerReflection",
  ])
  func `whatever is declared is found, with the files that it needs first to be known`(
    _ symbol: String
  ) throws {
    let answer = try ask { $0.fileContainingSymbol = symbol }
    let files = answer.fileDescriptorResponse.fileDescriptorProto
    #expect(!files.isEmpty)
    // A descriptor holds names in the clear: the last part is in the first file.
    let name = String(symbol.split(separator: ".").last!)
    #expect(files[0].firstRange(of: Data(name.utf8)) != nil)
    #expect(Set(files).count == files.count)
  }

  @Test func `a file is found by its name, with those that it imports`() throws {
    let answer = try ask { $0.fileByFilename = "election.proto" }
    let files = answer.fileDescriptorResponse.fileDescriptorProto
    #expect(files == (Descriptors.api.files(named: "election.proto") ?? []).map { Data($0) })
    #expect(files.count == 3, "its own, the header's and the pairs'")
  }

  @Test func `what is unknown is not found`() throws {
    let asked: [(inout GRPCServerReflectionRequest) -> Void] = [
      { $0.fileByFilename = "none.proto" }, { $0.fileContainingSymbol = "etcdserverpb.None" },
      { $0.fileContainingExtension = .make { $0.containingType = "etcdserverpb.PutRequest" } },
      { $0.allExtensionNumbersOfType = "etcdserverpb.None" },
    ]
    for ask in asked {
      #expect(try self.ask(ask).errorResponse.errorCode == EtcdStatus.Code.notFound.rawValue)
    }
    #expect(try ask { _ in }.errorResponse.errorCode == EtcdStatus.Code.invalidArgument.rawValue)
    let answer = try ask { $0.allExtensionNumbersOfType = "etcdserverpb.PutRequest" }
    #expect(answer.allExtensionNumbersResponse.baseTypeName == "etcdserverpb.PutRequest")
    #expect(answer.allExtensionNumbersResponse.extensionNumber.isEmpty)
  }

  @Test func `what is no request is refused`() {
    #expect(throws: EtcdStatus.self) { try service.answer(body: [0xff]) }
  }
}
