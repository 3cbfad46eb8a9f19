import Foundation

/// What a process of this machine has used so far, as Linux counts it.
struct ProcessUsage: Equatable {
  /// CPU time of all its threads, ended ones too, in the kernel and out of it.
  var cpuNanoseconds: Int64 = 0
  /// Handed to the storage layer.
  var writtenBytes: Int64?
  var residentBytes: Int64?
  /// Of the resident ones, those that belong to no file.
  var anonymousBytes: Int64?

  /// PID_MAX_LIMIT (Linux include/linux/threads.h).
  private static let processLimit: Int32 = 1 << 22

  /// `nil`: there is no such process.
  init?(of process: Int32) {
    var clock = clockid_t()
    var time = timespec()
    // A number above Linux's limit for process ids would name another process's clock.
    guard (1...Self.processLimit).contains(process),
      clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0
    else { return nil }
    cpuNanoseconds = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    writtenBytes = Self.field("write_bytes:", in: "/proc/\(process)/io")
    let memory = "/proc/\(process)/smaps_rollup"
    residentBytes = Self.field("Rss:", in: memory).map { $0 * 1024 }
    anonymousBytes = Self.field("Anonymous:", in: memory).map { $0 * 1024 }
  }

  /// CPU time of this process.
  static var ownCPUNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// The number after a name that begins a line. `nil`: not told, to this user or at all.
  private static func field(_ name: String, in path: String) -> Int64? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int64($0) } }
  }
}

extension ProcessUsage {
  /// The process ids of `--server-pids`, with commas.
  static func processes(_ list: String) throws(CommandFailure) -> [Int32] {
    var processes: [Int32] = []
    for word in list.split(separator: ",") {
      guard let process = Int32(word), process > 0 else {
        throw CommandFailure(.badArguments, "'\(word)' is no process id")
      }
      processes.append(process)
    }
    return processes
  }
}
