import Foundation

/// What one operation of each part costs: `micro [--filter WORD] [--list] [--rounds N] [-w json]
/// [--directory DIR] [--against FILE] [--beside PROGRAM]`.
///
/// Processor time of one thread and requests for memory, so that a regression is seen in the part
/// that caused it. `--against` compares with an earlier run's JSON; `--beside` runs an earlier
/// build of this program and this one in turn, which a busy machine disturbs alike.
@main
struct Micro {
  static func main() {
    do {
      try run(Flags(Array(CommandLine.arguments.dropFirst())))
    } catch {
      FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      exit(2)
    }
  }

  private static func run(_ flags: Flags) throws {
    let chosen = Benchmark.all.filter { benchmark in
      flags.filters.isEmpty || flags.filters.contains { benchmark.name.contains($0) }
    }
    guard !chosen.isEmpty else { throw Flags.Failure(text: "no benchmark is named like that") }
    if flags.listsOnly { return chosen.forEach { print($0.name) } }
    if let other = flags.otherProgram {
      let (before, now) = try Duel(other: other, flags: flags).fight()
      return print(Report(now).comparison(with: before))
    }
    let fixtures = try Fixtures(in: flags.directory)
    let runner = Runner(rounds: flags.rounds, sampleMilliseconds: 20)
    let measurements = try runner.run(chosen, fixtures)
    try fixtures.removeAll()
    let report = Report(measurements)
    if let file = flags.against {
      print(report.comparison(with: try Report.read(file)))
    } else {
      print(flags.isJSON ? try report.json : report.table)
    }
  }
}

/// The command line.
struct Flags {
  var filters: [String] = []
  var rounds = 7
  var isJSON = false
  var listsOnly = false
  /// Where files are made; on the disk that is to be measured.
  var directory = FileManager.default.temporaryDirectory.path
  var against: String?
  var otherProgram: String?

  struct Failure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
  }

  init(_ words: [String]) throws {
    var rest = words[...]
    func value(_ flag: String) throws -> String {
      guard let value = rest.popFirst() else { throw Failure(text: "\(flag) needs a value") }
      return value
    }
    while let word = rest.popFirst() {
      switch word {
      case "--filter": filters.append(try value(word))
      case "--rounds":
        guard let number = Int(try value(word)), number > 0 else {
          throw Failure(text: "--rounds needs a number above zero")
        }
        rounds = number
      case "-w":
        guard try value(word) == "json" else { throw Failure(text: "-w knows json only") }
        isJSON = true
      case "--list": listsOnly = true
      case "--directory": directory = try value(word)
      case "--against": against = try value(word)
      case "--beside": otherProgram = try value(word)
      default: throw Failure(text: "unknown flag \(word)")
      }
    }
  }
}

/// Another build of this program and this one, in turn.
struct Duel {
  let other: String
  let flags: Flags

  func fight() throws -> (before: [Measurement], now: [Measurement]) {
    var runs: (before: [[Measurement]], now: [[Measurement]]) = ([], [])
    let me = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    for round in 0..<flags.rounds {
      // Whoever comes first warms the machine: they take turns in that too.
      let order = round.isMultiple(of: 2) ? [other, me] : [me, other]
      for program in order {
        let found = try measure(program)
        if program == me { runs.now.append(found) } else { runs.before.append(found) }
      }
    }
    return (Duel.merged(runs.before), Duel.merged(runs.now))
  }

  private func measure(_ program: String) throws -> [Measurement] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments =
      ["-w", "json", "--rounds", "3", "--directory", flags.directory]
      + flags.filters.flatMap { ["--filter", $0] }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Flags.Failure(text: "\(program) ended with \(process.terminationStatus)")
    }
    return try Report.decode(bytes)
  }

  private static func merged(_ runs: [[Measurement]]) -> [Measurement] {
    guard let first = runs.first else { return [] }
    return first.indices.map { position in
      Measurement(merging: runs.map { $0[position] })
    }
  }
}
