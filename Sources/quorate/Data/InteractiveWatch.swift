import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

/// `watch -i`: orders on the standard input, a line each, and what comes of all of them on the
/// output (etcd etcdctl/ctlv3/command/watch_command.go, `watchInteractiveFunc`).
struct InteractiveWatch {
  let client: EtcdClient
  let printer: Printer
  let environment: FlagEnvironment

  /// What a line asks for.
  enum Order: Equatable {
    case watch(EtcdWatchCreateRequest, command: [String])
    case progress
    /// Nothing that is understood; the complaint is etcdctl's.
    case none(String)

    /// *Throws* what ends the whole command: a line that begins well and goes on wrongly.
    init(
      _ line: String, _ environment: FlagEnvironment = FlagEnvironment(values: [:])
    ) throws(CommandFailure) {
      let words = try TransactionSyntax.words(line)
      switch words.first {
      case nil:
        self = .none("Invalid command: \(line) (watch and progress supported)")
      case "watch" where words.count < 2 && environment["WATCH_KEY"] == nil:
        self = .none("Invalid command \(line) (command type or key is not provided)")
      case "watch":
        do {
          let operation = try WatchOperation.parse(Array(words.dropFirst()))
          self = .watch(try operation.request(environment), command: operation.command)
        } catch let failure as CommandFailure {
          throw failure
        } catch {
          throw CommandFailure(.badArguments, WatchOperation.message(for: error))
        }
      case "progress": self = .progress
      default: self = .none("Invalid command \(line) (only support watch)")
      }
    }
  }

  private enum Input: Sendable {
    case line(String)
    case failed(any Error)
    case end
  }

  /// Ends with the input, which is an error as etcdctl has it, or with the first watch that ends.
  func run() async throws {
    let (inputs, continuation) = AsyncStream.makeStream(of: Input.self)
    Self.read(into: continuation)
    try await withThrowingDiscardingTaskGroup { group in
      var controls: [WatchControl] = []
      for await input in inputs {
        switch input {
        case .line(let line):
          switch try Order(line, environment) {
          case .watch(let request, let command):
            let control = WatchControl()
            controls.append(control)
            let follower = WatchFollower(printer: printer, command: command)
            let watch = client.watch(request, control: control)
            group.addTask {
              do {
                try await follower.follow(watch)
              } catch {
                continuation.yield(.failed(error))
              }
            }
          case .progress: for control in controls { await control.askProgress() }
          case .none(let complaint): StandardStreams.writeError(complaint + "\n")
          }
        case .failed(let error): throw error
        case .end:
          throw CommandFailure(.invalidInput, "error reading watch request line: EOF")
        }
      }
    }
  }

  /// On a thread of its own, for reading waits.
  private static func read(into inputs: AsyncStream<Input>.Continuation) {
    let thread = Thread {
      while let line = readLine() { inputs.yield(.line(line)) }
      inputs.yield(.end)
    }
    thread.start()
  }
}
