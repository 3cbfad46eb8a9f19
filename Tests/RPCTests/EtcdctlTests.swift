import Foundation
import NIOCore
import NIOPosix
import RPC
import Testing

/// The client that our users have: etcdctl, which is grpc-go.
@Suite struct `etcdctl` {
  private static let path = "/usr/bin/etcdctl"
  private static let isInstalled = FileManager.default.isExecutableFile(atPath: path)

  @Test(.enabled(if: isInstalled, "etcdctl is not installed (Debian: etcd-client)"))
  func `gets a value and sees an error's text`() async throws {
    var methods = MethodTable()
    methods.unary("/etcdserverpb.KV/Range") { call in
      // RangeResponse { kvs { key: "a" value: "b" } count: 1 }, written out.
      let pair: [UInt8] = [0x0A, 1, 0x61, 0x2A, 1, 0x62]
      call.answer([0x12, UInt8(pair.count)] + pair + [0x20, 1])
    }
    methods.unary("/etcdserverpb.KV/Put") { call in
      call.fail(RPCStatus(.resourceExhausted, "etcdserver: mvcc: database space exceeded"))
    }
    let server = try await RPCServer.start(
      host: "127.0.0.1", port: 0, methods: methods,
      http: { $0.answer(HTTPResponse(status: 404, "")) },
      group: .singletonMultiThreadedEventLoopGroup)

    let get = try await Self.run(["get", "a"], port: server.address.port!)
    #expect(get.output == "a\nb\n")
    #expect(get.status == 0)
    let put = try await Self.run(["put", "a", "b"], port: server.address.port!)
    #expect(put.errors.contains("etcdserver: mvcc: database space exceeded"))
    #expect(put.status != 0)
    await server.shutDown(grace: .zero)
  }

  private static func run(_ arguments: [String], port: Int) async throws
    -> (output: String, errors: String, status: Int32)
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["--endpoints=127.0.0.1:\(port)"] + arguments
    process.environment = ["ETCDCTL_API": "3", "PATH": "/usr/bin"]
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    return try await NIOThreadPool.singleton.runIfActive {
      try process.run()
      let text = output.fileHandleForReading.readDataToEndOfFile()
      let errorText = errors.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (
        String(decoding: text, as: UTF8.self), String(decoding: errorText, as: UTF8.self),
        process.terminationStatus
      )
    }
  }
}
