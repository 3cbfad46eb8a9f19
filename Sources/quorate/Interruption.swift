import Dispatch
import Foundation

/// What a person's Ctrl-C, or a supervisor's SIGTERM, ends.
enum Interruption {
  /// Runs `body`, and cancels it when the process is asked to end; `nil`: it was.
  ///
  /// *Throws* what `body` throws.
  static func ends<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { continuation.yield() }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        for await _ in signals { break }
        return nil
      }
      let first = try await group.next()
      group.cancelAll()
      guard let value = first ?? nil else {
        // What is cancelled tidies up after itself first, and an end on demand is no failure.
        while (try? await group.next()) != nil {}
        return nil
      }
      return value
    }
  }
}

/// A program of the user's, run by a command of ours.
enum ChildProgram {
  /// Runs it to its end, with our input and outputs. Cancelled: asks it to end, and waits for that.
  /// Returns its exit code as Go tells it; 255 when a signal has ended it.
  ///
  /// *Throws* when it cannot be run.
  static func run(_ words: [String], environment: [String: String]) async throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
    process.terminationHandler = { _ in continuation.finish() }
    try process.run()
    let id = process.processIdentifier
    await withTaskCancellationHandler {
      // Not cancelled with this task: what was begun under a lock is waited for.
      await Task { for await _ in ends {} }.value
    } onCancel: {
      kill(id, SIGTERM)
    }
    return process.terminationReason == .exit ? process.terminationStatus : 255
  }
}
