import ArgumentParser
import Server

/// For a majority that is lost for ever. It works on files, while no member runs.
struct RecoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Let a store go on with one member, when its majority is lost for ever.",
    usage: "quorate recover [--plan] <data-dir> …",
    discussion: """
      Give the data directories of all members that are left; none of them may run. The one whose \
      log is furthest goes on alone. What may be lost is printed first, and the cluster's id must \
      be typed before anything is written. --plan only prints.
      """)

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: .long, help: "Print what would be kept and what may be lost, and end.")
  var plan = false

  func run() throws {
    guard !words.isEmpty else {
      throw CommandFailure(.badArguments, "recover needs the data directories that are left")
    }
    do {
      let recovery = try StoreRecovery(directories: words)
      defer { recovery.close() }
      StandardStreams.write(recovery.text.map { $0 + "\n" }.joined())
      guard !plan else { return }
      StandardStreams.write("type \(recovery.confirmation) to accept this: ")
      guard readLine() == recovery.confirmation else {
        throw CommandFailure(.notConfirmed, "not confirmed; nothing was changed")
      }
      try recovery.perform()
      StandardStreams.write(
        "done: start it on \(recovery.directory), with the flags that it always had\n")
    } catch let failure as StoreRecovery.Failure {
      throw CommandFailure(.failed, failure.sentence)
    }
  }
}
