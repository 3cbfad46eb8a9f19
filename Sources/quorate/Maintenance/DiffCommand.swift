import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Print what has changed since a revision.",
    usage: "quorate diff --since <revision> [options] [key] [range_end]",
    discussion: """
      Without a key: of the whole store. Lines that begin with - are as of then, those with + as \
      of now; keys and values are quoted as Go does it.
      """)

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var keys: [String] = []

  @Option(name: .long, help: "The earlier revision.")
  var since: Int64

  @Flag(name: .long, help: "Keys that begin with the key.")
  var prefix = false

  @Flag(name: .long, help: "Keys from the key on.")
  var fromKey = false

  func run() async throws {
    guard keys.count <= 2 else {
      throw CommandFailure(.badArguments, "diff takes a key and a range_end at most")
    }
    guard since > 0 else {
      throw CommandFailure(.badArguments, "--since must be a revision, from 1 on, not \(since)")
    }
    let (key, end) =
      keys.isEmpty
      ? try KeySpan.span(key: "", end: nil, prefix: false, fromKey: true)
      : try KeySpan.span(
        key: keys[0], end: keys.dropFirst().first, prefix: prefix, fromKey: fromKey)
    let printer = try flags.printer()
    if ![.simple, .json].contains(printer.format) {
      throw CommandFailure.unsupported(printer.format)
    }
    let difference = try await compare(key, end)
    StandardStreams.write(printer.difference(difference))
  }

  private func compare(_ key: Data, _ end: Data) async throws(CommandFailure) -> Difference {
    do throws(CommandFailure) {
      return try await flags.withClient { client throws(ClientError) in
        try await client.difference(of: key, to: end, since: since)
      }
    } catch {
      var failure = error
      switch error.text {
      case EtcdStatus.compacted.text:
        failure.text = "revision \(since) is compacted: what the store held then is forgotten"
      case EtcdStatus.futureRevision.text:
        failure.text = "revision \(since) is yet to come"
      default: break
      }
      throw failure
    }
  }
}

extension Printer {
  /// As `diff -u` without context, or as one JSON object.
  func difference(_ difference: Difference) -> [UInt8] {
    guard format == .simple else {
      return Array((GoJSON(difference).text + "\n").utf8)
    }
    var text = "--- revision \(difference.since)\n+++ revision \(difference.revision)\n"
    for change in difference.changes {
      if let old = change.old { text += "-\(word(old.key)) \(word(old.value))\n" }
      if let new = change.new { text += "+\(word(new.key)) \(word(new.value))\n" }
    }
    return Array(text.utf8)
  }

  private func word(_ bytes: Data) -> String {
    guard isHexadecimal else { return GoText.quoted(bytes) }
    return bytes.map { "\\x" + GoText.hexadecimal(UInt32($0), digits: 2) }.joined()
  }
}

extension GoJSON {
  fileprivate init(_ difference: Difference) {
    always("since", String(difference.since))
    always("revision", String(difference.revision))
    always("changes", Self.list(difference.changes.map { GoJSON($0).text }))
  }

  private init(_ change: Difference.Change) {
    let kind = change.old == nil ? "added" : change.new == nil ? "deleted" : "changed"
    always("type", GoText.json(kind))
    add("key", change.key)
    if let old = change.old { always("old", GoJSON(old).text) }
    if let new = change.new { always("new", GoJSON(new).text) }
  }
}
