import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Print what happens to a key or a range of keys.",
    usage: "quorate watch [options] [key] [range_end] [-- command [argument ...]]",
    discussion: """
      The command runs once for each event, with ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, \
      ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. When a member goes away the watch \
      resumes on the next endpoint, without a gap.

      With -i, lines of the standard input say what to watch: watch [options] <key> [range_end] \
      [-- command ...], as often as one likes; and progress, which asks every watch how far it has \
      come.

      Without a key, ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END say what to watch.
      """)

  @OptionGroup var flags: ClientFlags
  @OptionGroup var operation: WatchOperation

  @Flag(name: [.customShort("i"), .long], help: "Take what to watch from the standard input.")
  var interactive = false

  func run() async throws {
    let printer = try flags.printer()
    if printer.format == .table { throw CommandFailure.unsupported(.table) }
    let client = try flags.client()
    let environment = ClientFlags.environment
    if interactive {
      let watch = InteractiveWatch(client: client, printer: printer, environment: environment)
      return try await watch.run()
    }
    let follower = WatchFollower(printer: printer, command: operation.command)
    try await follower.follow(client.watch(try operation.request(environment)))
  }
}

/// What is watched; also a line of `watch -i`.
struct WatchOperation: ParsableArguments {
  @Argument(help: "The key, or the first of a range.")
  var key: String?

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

  func request(
    _ environment: FlagEnvironment
  ) throws(CommandFailure) -> EtcdWatchCreateRequest {
    let named = environment["WATCH_KEY"]
    if named == nil, let lone = environment["WATCH_RANGE_END"] {
      throw CommandFailure(
        .badArguments, "\(lone.name) is set, and no key with it in ETCDCTL_WATCH_KEY")
    }
    if key != nil, let named {
      throw CommandFailure(
        .badArguments, "bad number of arguments (\(named.name) names a key as well)")
    }
    guard let key = key ?? named?.value else {
      throw CommandFailure(.badArguments, "bad number of arguments")
    }
    let end = named == nil ? rangeEnd : environment["WATCH_RANGE_END"]?.value
    var request = EtcdWatchCreateRequest()
    (request.key, request.rangeEnd) = try KeySpan.span(
      key: key, end: end, prefix: prefix, fromKey: false)
    request.startRevision = max(0, rev)
    request.prevKv = prevKv
    request.progressNotify = progressNotify
    request.fragment = true
    return request
  }
}

/// Prints what a watch brings, and runs a command for each event.
struct WatchFollower {
  let printer: Printer
  let command: [String]

  /// *Throws* why the watch has ended.
  func follow(_ watch: Watch) async throws {
    var answers = watch.makeAsyncIterator()
    while let answer = try await next(&answers) { try await show(answer) }
  }

  /// Never inlined: Swift 6.3 crashes while it splits the coroutine of an inlined copy.
  @inline(never)
  private func next(_ answers: inout WatchIterator) async throws -> EtcdWatchResponse? {
    do throws(WatchEnd) {
      return try await answers.next()
    } catch {
      throw try failure(error)
    }
  }

  private func show(_ answer: EtcdWatchResponse) async throws {
    if answer.events.isEmpty {
      StandardStreams.write("progress notify: \(answer.header.revision)\n")
    }
    StandardStreams.write(try printer.watch(answer))
    guard !command.isEmpty else { return }
    for event in answer.events {
      try await runCommand(for: event, revision: answer.header.revision)
    }
  }

  /// *Throws* when the command cannot be run or fails, as etcdctl does.
  private func runCommand(for event: EtcdEvent, revision: Int64) async throws {
    let code = try await ChildProgram.run(
      command,
      environment: [
        "ETCD_WATCH_REVISION": String(revision),
        "ETCD_WATCH_EVENT_TYPE": GoText.quoted(event.name.utf8),
        "ETCD_WATCH_KEY": GoText.quoted(event.kv.key),
        "ETCD_WATCH_VALUE": GoText.quoted(event.kv.value),
      ])
    guard code == 0 else {
      let words = command.map { GoText.quoted($0.utf8) }.joined(separator: " ")
      throw CommandFailure(.failed, "command [\(words)] error (exit status \(code))")
    }
  }

  private func failure(_ end: WatchEnd) throws(CommandFailure) -> CommandFailure {
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
