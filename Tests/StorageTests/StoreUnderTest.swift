import FaultyStorage
import Foundation
import KeyValue
import Raft
import Testing

@testable import Storage

/// A directory on the real disk that goes with its test.
final class TemporaryDirectory {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "quorate-storage-\(UInt64.random(in: .min ... .max))"
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func bytes(of name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }

  func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }
}

/// The same member's store, started again and again.
final class StoreUnderTest {
  enum Kind: CaseIterable, CustomTestStringConvertible {
    case memory, files, disk

    var testDescription: String {
      switch self {
      case .memory: "in memory"
      case .files: "on SQLite"
      case .disk: "on SQLite in memory"
      }
    }
  }

  private let kind: Kind
  private let directory = TemporaryDirectory()
  private let memory: MemoryStore
  private let disk = MemoryDisk()
  private(set) var store: any MemberStore

  init(_ kind: Kind) throws {
    self.kind = kind
    memory = MemoryStore(
      identity: Identity(
        cluster: Sample.claim.cluster, member: Sample.claim.member, name: Sample.claim.name,
        incarnation: Incarnation(7)))
    store = memory
    if kind != .memory { store = try openFiles() }
  }

  private func openFiles() throws -> DataDirectory {
    let fileSystem: any FileSystem = kind == .disk ? disk : POSIXFileSystem()
    return try DataDirectory(at: directory.path, as: Sample.claim, on: fileSystem) {
      Incarnation(7)
    }
  }

  /// Stops and starts the member without a crash.
  func restart() throws {
    switch kind {
    case .memory:
      memory.crash(keepingFlushes: memory.unsyncedFlushes)
    case .files, .disk:
      try (store as? DataDirectory)?.close()
      store = memory
      store = try openFiles()
    }
  }
}
