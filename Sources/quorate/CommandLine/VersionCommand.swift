import ArgumentParser

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version.")

  /// Taken for etcdctl's sake: a version needs nobody.
  @OptionGroup(visibility: .hidden) var flags: ClientFlags

  /// Of Quorate, and of the etcd API that it speaks.
  static let version = "0.1.0"
  static let api = "3.5"

  func run() throws {
    StandardStreams.write("quorate version: \(Self.version)\nAPI version: \(Self.api)\n")
  }
}
