package import Base
package import Host
import EtcdAPI
package import Member
import Raft
import Services
package import Storage

/// The thread of the backup lane: it copies the store for clients and hands the copies out.
package struct BackupThread: LaneHost {
  package typealias Letter = BackupLetter<any SnapshotSource>

  private var lane = BackupLane<BackupHost>(settings: BackupSettings())
  private var host: BackupHost
  private let inboxes: MemberInboxes

  package init(directory: String, _ member: MemberContext, _ handler: BackupHandler) {
    host = BackupHost(
      directory: directory, published: member.published, exitLatch: member.exitLatch,
      calls: handler.calls)
    inboxes = member.inboxes
  }

  package mutating func turn(_ letters: [Letter]) -> Instant {
    var out = BackupOutput()
    lane.turn(letters, at: MonotonicClock.now(), ports: &host, out: &out)
    deliver(out)
    return out.wakeAt
  }

  private func deliver(_ out: BackupOutput) {
    for call in out.openings { inboxes.apply.post(.openSnapshot(.client(call))) }
    for _ in 0..<out.closedSources { inboxes.apply.post(.snapshotClosed) }
  }

  /// The last act: lets go of everything.
  package mutating func close() {
    var out = BackupOutput()
    lane.close(ports: &host, out: &out)
    host.calls.close()
    deliver(out)
  }
}

/// The data directory and the clients' calls, as the backup lane reaches them.
private struct BackupHost: BackupPorts {
  /// A file of its own: first written, then read from its beginning.
  struct Copy {
    let writer: BackupWriter
    /// `nil`: it is not complete.
    var reading: Reading?
  }

  struct Reading {
    let file: any DiskFile
    let size: Int
    var sent = 0
    var hash = SHA256()
    /// The hash was handed over, after all the bytes.
    var isOver = false
  }

  /// Bytes of a message, as etcd sends them.
  private static let blobBytes = 32 << 10

  let directory: String
  let published: PublishedState
  let exitLatch: ExitLatch
  let calls: BackupCalls
  private let fileSystem = POSIXFileSystem()

  init(
    directory: String, published: PublishedState, exitLatch: ExitLatch, calls: BackupCalls
  ) {
    self.directory = directory
    self.published = published
    self.exitLatch = exitLatch
    self.calls = calls
  }

  var copyBytes: UInt64 { UInt64(max(0, published.fileBytes)) }

  func freeBytes() throws(BackupFault) -> UInt64 {
    try copying { () throws(StorageError) in try fileSystem.freeBytes(in: directory) }
  }

  func makeCopy(_ call: UInt64, of source: any SnapshotSource) throws(BackupFault) -> Copy {
    try copying { () throws(StorageError) in
      Copy(writer: try BackupWriter(in: directory, number: call, of: source, on: fileSystem))
    }
  }

  func write(_ copy: inout Copy, from source: any SnapshotSource) throws(BackupFault) -> Bool {
    do throws(BackupFailure) {
      guard try copy.writer.step() else { return false }
    } catch {
      switch error {
      case .source(let error):
        exitLatch.seal(ServerExit(error))
        throw .disk
      case .file(let error): throw .copy(reason: "\(error)")
      }
    }
    let path = copy.writer.path
    copy.reading = try copying { () throws(StorageError) in
      let file = try fileSystem.open(path)
      return Reading(file: file, size: try file.size())
    }
    return true
  }

  /// A piece of the file, and last its hash.
  func next(of copy: inout Copy) throws(BackupFault) -> [UInt8]? {
    guard var reading = copy.reading else {
      preconditionFailure("\(copy.writer.path) is read before it is complete")
    }
    defer { copy.reading = reading }
    guard reading.sent < reading.size else {
      guard !reading.isOver else { return nil }
      reading.isOver = true
      return MaintenanceService.snapshot(blob: reading.hash.finish(), remaining: 0).encodedBytes
    }
    let (file, place) = (reading.file, reading.sent)
    let blob = try copying { () throws(StorageError) in
      try file.read(at: place, count: Self.blobBytes)
    }
    reading.sent += blob.count
    reading.hash.update(blob)
    let remaining = UInt64(reading.size - reading.sent)
    return MaintenanceService.snapshot(blob: blob, remaining: remaining).encodedBytes
  }

  func remove(_ copy: Copy) { copy.writer.remove() }

  func close(_ source: any SnapshotSource) { source.close() }

  func send(_ message: [UInt8], on call: UInt64) -> Bool { calls.send(message, on: call) }

  func end(_ call: UInt64, _ end: BackupEnd) { calls.end(call, end) }

  /// What goes wrong with a copy is the copy's alone.
  private func copying<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(BackupFault) -> Result {
    do throws(StorageError) { return try body() } catch { throw .copy(reason: "\(error)") }
  }
}
