import Foundation

/// A process that this one started and will end.
struct ChildProcess {
  let processID: pid_t

  /// POSIX_SPAWN_SETSID of <spawn.h>, which shows it only to GNU sources.
  private static let newSession: Int16 = 0x80

  /// Starts `executable` in a session of its own, so that a Ctrl-C at the terminal is not its
  /// business. Its output and errors are appended to the file at `logPath`.
  static func spawn(
    _ executable: String, _ arguments: [String], logPath: String
  ) throws(LabError) -> ChildProcess {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Self.newSession)

    var words = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var processID: pid_t = 0
    let failure = posix_spawn(&processID, executable, &actions, &attributes, &words, environ)
    guard failure == 0 else {
      throw LabError(
        .unavailable, "\(executable) cannot be started: \(String(cString: strerror(failure)))")
    }
    return ChildProcess(processID: processID)
  }

  func signal(_ number: Int32) { kill(processID, number) }

  /// How it ended; `nil`: it still runs. To be asked until it answers, and not again.
  func reap() -> Ending? {
    var status: Int32 = 0
    guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal)
  }

  /// How a process ended.
  enum Ending: Hashable {
    case exited(Int32)
    case killed(Int32)

    var description: String {
      switch self {
      case .exited(let code): "exited with \(code)"
      case .killed(let signal): "ended by signal \(signal)"
      }
    }
  }

  /// Whether the process with this id runs and has `word` among its arguments: ids are used again.
  static func isRunning(_ processID: pid_t, withArgument word: String) -> Bool {
    guard processID > 0,
      let line = FileManager.default.contents(atPath: "/proc/\(processID)/cmdline")
    else { return false }
    return line.split(separator: 0).contains { String(decoding: $0, as: UTF8.self) == word }
  }

  /// The path of this very executable.
  static func ownExecutable() -> String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }
}
