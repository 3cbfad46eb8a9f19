import ArgumentParser
import Client
import EtcdAPI
import Foundation

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Print what happens to a key or a range of keys.",
    usage: "quorate watch [options] <key> [range_end] [-- command [argument ...]]",
    discussion: """
      The command runs once for each event, with ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, \
      ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. When a member goes away the watch \
      resumes on the next endpoint, without a gap.
      """)

  @OptionGroup var flags: ClientFlags

  @Argument(help: "The key, or the first of a range.")
  var key: String

  @Argument(help: "The first key behind the range.")
  var rangeEnd: String?

  @Argument(parsing: .postTerminator, help: .hidden)
  var command: [String] = []

  @Flag(name: .long, help: "Keys that begin with the key.")
  var prefix = false

  @Option(name: .long, help: "From this revision on; 0: from now on.")
  var rev: Int64 = 0

  @Flag(name: .long, help: "Also the pair before each change.")
  var prevKv = false

  @Flag(name: .long, help: "Say now and then how far the watch has come.")
  var progressNotify = false

  func run() async throws {
    let request = try request()
    let printer = try flags.printer()
    if printer.format == .table { throw CommandFailure.unsupported(.table) }
    var options = ClientOptions()
    options.dialTimeout = flags.dialTimeout.duration
    let client = EtcdClient(endpoints: try flags.chosenEndpoints(), options: options)
    do {
      for try await answer in client.watch(request) {
        try show(answer, printer)
      }
    } catch let end as WatchEnd {
      throw try failure(end, printer)
    }
  }

  private func request() throws(CommandFailure) -> EtcdWatchCreateRequest {
    var request = EtcdWatchCreateRequest()
    (request.key, request.rangeEnd) = try KeySpan.span(
      key: key, end: rangeEnd, prefix: prefix, fromKey: false)
    request.startRevision = max(0, rev)
    request.prevKv = prevKv
    request.progressNotify = progressNotify
    request.fragment = true
    return request
  }

  private func show(_ answer: EtcdWatchResponse, _ printer: Printer) throws {
    if answer.events.isEmpty {
      StandardStreams.write("progress notify: \(answer.header.revision)\n")
    }
    StandardStreams.write(try printer.watch(answer))
    guard !command.isEmpty else { return }
    for event in answer.events { try runCommand(for: event, revision: answer.header.revision) }
  }

  /// *Throws* when the command cannot be run or fails, as etcdctl does.
  private func runCommand(for event: EtcdEvent, revision: Int64) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    var environment = ProcessInfo.processInfo.environment
    environment["ETCD_WATCH_REVISION"] = String(revision)
    environment["ETCD_WATCH_EVENT_TYPE"] = GoText.quoted(event.name.utf8)
    environment["ETCD_WATCH_KEY"] = GoText.quoted(event.kv.key)
    environment["ETCD_WATCH_VALUE"] = GoText.quoted(event.kv.value)
    process.environment = environment
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CommandFailure(
        .failed, "command \(command) ended with code \(process.terminationStatus)")
    }
  }

  private func failure(_ end: WatchEnd, _ printer: Printer) throws(CommandFailure) -> CommandFailure
  {
    switch end {
    case .compacted(_, let answer):
      StandardStreams.writeError("watch was canceled (\(EtcdStatus.compacted.text))\n")
      StandardStreams.write(try printer.watch(answer))
      return CommandFailure(.watchCancelled, "watch is canceled by the server")
    case .cancelled(let reason, let answer):
      StandardStreams.writeError("watch was canceled (\(reason))\n")
      StandardStreams.write(try printer.watch(answer))
      return CommandFailure(.watchCancelled, "watch is canceled by the server")
    case .failed(let failure): return CommandFailure(ClientError.server(failure))
    }
  }
}

extension EtcdEvent {
  /// As Go prints it.
  var name: String { type == .delete ? "DELETE" : "PUT" }
}
