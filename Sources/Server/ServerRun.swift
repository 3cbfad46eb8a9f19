import Handlers
public import Host
import Dispatch
import Foundation
import Glibc
import Logging

/// A member as a whole process: signals, logs, and the exit code.
public struct ServerRun: Sendable {
  private let settings: MemberSettings

  public init(settings: MemberSettings) { self.settings = settings }

  /// Runs until a signal or a failure ends it; the process's exit code.
  public func run() async -> Int32 {
    BrokenInvariant.install()
    UnreadablePage.install()
    signal(SIGPIPE, SIG_IGN)
    let format: LogSink.Format =
      switch settings.logFormat {
      case .text: .text
      case .json: .json
      }
    let sink = LogSink(descriptor: STDERR_FILENO, format: format)
    defer { sink.close() }
    let level = settings.logLevel
    let logger = Logger(label: "quorate") { _ in RingLogHandler(sink: sink, level: level) }
    do throws(ServerExit) {
      var (process, exit) = try await serve(settings, logger)
      if case .wiped? = exit, settings.rejoins, process.isNew {
        // The others came later, and know better. This directory has promised nothing yet.
        await process.shutDown()
        StateFiles(directory: settings.dataDirectory).discard()
        var settings = settings
        settings.joins = true
        (process, exit) = try await serve(settings, logger)
      }
      guard let exit else { return 0 }
      // Whoever asked for the removal at this very member is answered yet.
      if case .removed = exit { await process.shutDown() }
      sink.close()
      Self.say(exit)
      return exit.code
    } catch {
      sink.close()
      Self.say(error)
      return error.code
    }
  }

  /// Runs a member until it ends.
  private func serve(
    _ settings: MemberSettings, _ logger: Logger
  ) async throws(ServerExit) -> (MemberProcess, ServerExit?) {
    let process = try await MemberProcess.start(settings, logger: logger)
    let signals = EndSignals()
    let first = signals.first
    let exit = await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in first {}
        if !Task.isCancelled { await process.shutDown() }
      }
      let exit = await process.ended()
      group.cancelAll()
      return exit
    }
    signals.cancel()
    return (process, exit)
  }

  /// One sentence on the standard error output.
  public static func say(_ exit: ServerExit) {
    FileHandle.standardError.write(Data("quorate: \(exit.sentence)\n".utf8))
  }
}

/// SIGTERM and SIGINT: the first ends the member in good order, the second at once.
private final class EndSignals {
  /// Ends at the first signal.
  let first: AsyncStream<Void>
  private let sources: [any DispatchSourceSignal]

  init() {
    let queue = DispatchQueue(label: "signals")
    let counter = Counter()
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    first = stream
    sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        if counter.count > 0 { _exit(128 + number) }
        counter.add()
        continuation.finish()
      }
      source.resume()
      return source
    }
  }

  func cancel() { for source in sources { source.cancel() } }
}

/// A broken invariant traps, and a trap is a signal: it ends the process with a code of its own,
/// after the runtime has said on the standard error output what was broken.
enum BrokenInvariant {
  static let code: Int32 = 30

  static func install() {
    for number in [SIGILL, SIGTRAP] {
      var action = sigaction()
      // Only what may be called in a signal handler: write and _exit.
      action.__sigaction_handler.sa_handler = { _ in
        let sentence: StaticString =
          "quorate: An invariant is broken; this member has stopped before it answered.\n"
        _ = write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
        _exit(BrokenInvariant.code)
      }
      sigaction(number, &action, nil)
    }
  }
}

/// The state file's readers map it: a page that the disk cannot give is a signal then, instead of
/// an error of a call. It ends the process as such an error would.
enum UnreadablePage {
  /// That of `ServerExit.diskFailed`.
  static let code: Int32 = 28

  static func install() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      let sentence: StaticString = """
        quorate: The system could not read a page of a file; the member has stopped before it \
        answered: look at the disk, as Docs/Operations.md says under exit 28, before you start it \
        again.

        """
      _ = write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
      _exit(UnreadablePage.code)
    }
    sigaction(SIGBUS, &action, nil)
  }
}
