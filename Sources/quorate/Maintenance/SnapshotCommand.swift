import ArgumentParser
import QuorateClient
import EtcdAPI
import Foundation
import Server

struct SnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Back a store up, and begin a new one with a backup.",
    subcommands: [SnapshotSave.self, SnapshotStatus.self, SnapshotRestore.self])
}

struct SnapshotSave: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "save", abstract: "Write the state of a running member into a file.",
    usage: "quorate snapshot save [options] <file>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "snapshot save expects one argument")
    }
    let path = words[0]
    let endpoints = try flags.chosenEndpoints()
    let draft = try SnapshotDraft(for: path)
    try await flags.withClient(at: endpoints) { client throws(ClientError) in
      var failures: [CallFailure] = []
      for endpoint in endpoints {
        do throws(ClientError) {
          try await client.snapshot(of: endpoint) { message throws(SnapshotRefused) in
            try draft.take(message)
          }
          return
        } catch {
          // The next one only as long as nothing has come.
          guard case .unreachable(let failed) = error else { throw error }
          failures += failed
        }
      }
      throw .unreachable(failures)
    }
    try draft.keep()
    StandardStreams.write("Snapshot saved at \(path)\n")
  }
}

/// A snapshot on its way into a file: under another name until it is whole.
private final class SnapshotDraft {
  private let path: String
  private let handle: FileHandle
  private var check = SnapshotCheck()
  private var isKept = false

  private var draft: String { path + ".part" }

  init(for path: String) throws(CommandFailure) {
    self.path = path
    let draft = path + ".part"
    guard
      FileManager.default.createFile(
        atPath: draft, contents: nil, attributes: [.posixPermissions: 0o600]),
      let handle = FileHandle(forWritingAtPath: draft)
    else { throw CommandFailure(.failed, "could not open \(draft) for writing") }
    self.handle = handle
  }

  deinit {
    try? handle.close()
    if !isKept { try? FileManager.default.removeItem(atPath: draft) }
  }

  func take(_ message: EtcdSnapshotResponse) throws(SnapshotRefused) {
    check.take(message)
    do {
      try handle.write(contentsOf: message.blob)
    } catch {
      throw SnapshotRefused(reason: "could not write \(draft): \(error.localizedDescription)")
    }
  }

  /// Gives the file its name, once all of it is on the disk and is what was sent.
  func keep() throws(CommandFailure) {
    guard check.isWhole else {
      throw CommandFailure(.failed, "the snapshot did not arrive whole; \(path) was not written")
    }
    do {
      try handle.synchronize()
    } catch {
      throw CommandFailure(.failed, "could not sync \(draft): \(error.localizedDescription)")
    }
    guard rename(draft, path) == 0 else {
      throw CommandFailure(.failed, "could not rename \(draft) to \(path)")
    }
    isKept = true
  }
}

struct SnapshotStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Check a snapshot's file, and say what is in it.",
    usage: "quorate snapshot status [options] <file>")

  @OptionGroup var flags: ClientFlags

  @Argument(help: .hidden)
  var words: [String] = []

  @Flag(name: .long, help: "The file is a copy of a state file, without a hash behind it.")
  var skipHashCheck = false

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "snapshot status requires exactly one argument")
    }
    let printer = try flags.printer()
    try EtcdSnapshot.refuse(words[0])
    let file: SnapshotFile
    do {
      file = try SnapshotFile(at: words[0], skipsHash: skipHashCheck)
    } catch {
      throw CommandFailure(.failed, error.sentence)
    }
    StandardStreams.write(try printer.snapshot(file))
  }
}

struct SnapshotRestore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make the data directory of one member of a new store, from a snapshot's file.",
    usage: "quorate snapshot restore [options] <file>",
    discussion: """
      Run it once for each member, with the same file, --initial-cluster and token; then start \
      them all. The revision jumps ahead, so that none means two things, and everything before \
      counts as compacted.
      """)

  @Argument(help: .hidden)
  var words: [String] = []

  @Option(help: "The member's name in --initial-cluster.")
  var name = "default"

  @Option(help: "The directory to make (default: <name>.quorate).")
  var dataDir: String?

  @Option(help: "Where other members will reach this one.")
  var initialAdvertisePeerUrls = "http://localhost:2380"

  @Option(help: "The members of the new store: n1=http://host:port,n2=http://…")
  var initialCluster: String?

  @Option(help: "Tells the new store from others with the same URLs, above all from the old one.")
  var initialClusterToken = "etcd-cluster"

  @Flag(name: .long, help: "The file is a copy of a state file, without a hash behind it.")
  var skipHashCheck = false

  @Option(help: "How far the revision jumps ahead (default: 1000000000).")
  var bumpRevision: Int64?

  @Flag(
    name: .long, help: "As etcdutl has it; a revision that jumps ahead always does this.")
  var markCompacted = false

  func run() async throws {
    guard words.count == 1 else {
      throw CommandFailure(.badArguments, "snapshot restore requires exactly one argument")
    }
    try EtcdSnapshot.refuse(words[0])
    var wish = SnapshotFile.Wish()
    wish.flags.name = name
    wish.flags.dataDirectory = dataDir
    wish.flags.listenPeerURLs = initialAdvertisePeerUrls
    wish.flags.initialAdvertisePeerURLs = initialAdvertisePeerUrls
    wish.flags.initialCluster = initialCluster
    wish.flags.initialClusterToken = initialClusterToken
    wish.bump = bumpRevision
    wish.marksCompacted = markCompacted
    do {
      let file = try SnapshotFile(at: words[0], skipsHash: skipHashCheck)
      let restored = try file.restore(wish)
      StandardStreams.write(
        """
        restored \(file.keyCount) keys at revision \(restored.revision) into \
        \(restored.directory): member \(restored.member) of cluster \(restored.cluster)

        """)
    } catch {
      throw CommandFailure(.failed, error.sentence)
    }
  }
}

/// What `etcdctl snapshot save` writes of an etcd: a file of bbolt.
enum EtcdSnapshot {
  /// Of bbolt's first page, behind its header (bbolt db.go, `magic`; little-endian).
  private static let magic: [UInt8] = [0xED, 0xDA, 0x0C, 0xED]
  private static let place: UInt64 = 16

  /// *Throws* when the file is one. What it is else, its reader finds out.
  static func refuse(_ path: String) throws(CommandFailure) {
    guard let handle = FileHandle(forReadingAtPath: path) else { return }
    defer { try? handle.close() }
    let found =
      (try? handle.seek(toOffset: place)).flatMap { try? handle.read(upToCount: magic.count) }
    guard let found, Array(found) == magic else { return }
    throw CommandFailure(
      .failed,
      "\(path) is a snapshot of etcd: let an etcd restore it, and bring its keys over with "
        + "etcdctl make-mirror")
  }
}
