import Foundation
import NIOPosix
import RPC
import Testing

/// grpc-go, the transport of etcd's own clients, under load: `Scripts/grpc-check.go`.
@Suite struct `A program in Go` {
  private static let sources = "/usr/share/gocode"
  private static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/bin/go")
    && FileManager.default.fileExists(atPath: sources + "/src/google.golang.org/grpc")

  @Test(
    .enabled(if: isInstalled, "grpc-go is not installed (Debian: golang-google-grpc-dev)"),
    .timeLimit(.minutes(10)))
  func `calls, streams, floods, gives up and is answered rightly`() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "grpc-check-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let program = directory.appendingPathComponent("grpc-check").path
    let source = FileManager.default.currentDirectoryPath + "/Scripts/grpc-check.go"
    let built = try await Self.run("/usr/bin/go", ["build", "-o", program, source])
    #expect(built == "")

    let stub = try await Stub.start()
    let said = try await Self.run(program, ["127.0.0.1:\(stub.port)", "3"])
    #expect(said.hasPrefix("ok: "), "\(said)")
    print("grpc-check:", said, terminator: "")
    stub.waiting.release()
    await eventually("no connection is left") { stub.server.connectionCount == 0 }
    await stub.stop()
  }

  /// What the program says, to both of its outputs.
  private static func run(_ path: String, _ arguments: [String]) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["GO111MODULE"] = "off"
    environment["GOPATH"] = sources
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    return try await NIOThreadPool.singleton.runIfActive {
      try process.run()
      let text = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return String(decoding: text, as: UTF8.self)
    }
  }
}
