package import Base
package import Host
import Raft
import EtcdAPI
import Member
import Services
import Storage

/// The thread that makes snapshot files for clients and hands them out.
///
/// The state is first copied into a file beside it, in short transactions; then compaction goes on,
/// however long the client takes to read. Two snapshots take turns, a piece each.
package struct BackupThread: LaneHost {
  package typealias Letter = BackupLetter

  private struct Backup {
    let stream: BackupStream
    let writer: BackupWriter
    /// The source is open, and compaction waits for it.
    var isCopying = true
    var reading: Reading?
  }

  /// A file that is complete, on its way out.
  private struct Reading {
    let file: any DiskFile
    let size: Int
    var sent = 0
    var hash = SHA256()
    /// Made, and not taken yet.
    var message: [UInt8]?
    /// The hash itself was sent.
    var isOver = false
  }

  /// Bytes of a message, as etcd sends them.
  private static let blobBytes = 32 << 10
  /// Messages that one job sends: between two others get their turn.
  private static let turnMessages = 32
  /// What must stay free beside the copy.
  private static let sparedBytes: UInt64 = 64 << 20

  private let directory: String
  private let exitLatch: ExitLatch
  private let inboxes: MemberInboxes
  private let fileSystem = POSIXFileSystem()
  /// Where the calls are found.
  private let handler: BackupHandler
  /// Calls without a source yet.
  private var expected: [UInt64: BackupStream] = [:]
  private var backups: [UInt64: Backup] = [:]

  package init(
    directory: String, exitLatch: ExitLatch, _ inboxes: MemberInboxes, _ handler: BackupHandler
  ) {
    self.handler = handler
    self.directory = directory
    self.exitLatch = exitLatch
    self.inboxes = inboxes
  }

  private func back(_ job: BackupLetter) { inboxes.backup.post(job) }

  package mutating func turn(_ jobs: [BackupLetter]) -> Instant {
    work(jobs)
    return .distantFuture
  }

  private mutating func work(_ jobs: [BackupLetter]) {
    for job in jobs {
      switch job {
      case .expect(let id): expected[id] = handler.stream(id)
      case .begin(let id, let source): begin(id, source?.value)
      case .write(let id): write(id)
      case .send(let id): send(id)
      case .drop(let id): drop(id)
      }
    }
  }

  private mutating func begin(_ id: UInt64, _ source: (any SnapshotSource)?) {
    let stream = expected.removeValue(forKey: id)
    guard let source else {
      stream?.fail(.moved)
      return
    }
    do throws(StorageError) {
      guard let stream, !stream.isOver else { return close(source) }
      let (free, needed) = (try fileSystem.freeBytes(in: directory), stream.expectedBytes)
      guard free >= needed + Self.sparedBytes else {
        close(source)
        return stream.fail(.noRoom(free: free, needed: needed + Self.sparedBytes))
      }
      let writer = try BackupWriter(
        in: directory, number: stream.id, of: source, on: fileSystem)
      backups[stream.id] = Backup(stream: stream, writer: writer)
      back(.write(stream.id))
    } catch {
      close(source)
      stream?.fail(.copyFailed(error))
    }
  }

  private func close(_ source: any SnapshotSource) {
    source.close()
    inboxes.apply.post(.snapshotClosed)
  }

  private mutating func write(_ id: UInt64) {
    guard let backup = backups[id] else { return }
    do throws(BackupFailure) {
      guard try backup.writer.step() else { return back(.write(id)) }
      // The source is closed: compaction may go on.
      backups[id]?.isCopying = false
      inboxes.apply.post(.snapshotClosed)
      let reading: Reading
      do throws(StorageError) {
        let file = try fileSystem.open(backup.writer.path)
        reading = Reading(file: file, size: try file.size())
      } catch {
        throw .file(error)
      }
      backups[id]?.reading = reading
      back(.send(id))
    } catch {
      switch error {
      case .source(let error): exitLatch.seal(ServerExit(error))
      case .file(let error): backup.stream.fail(.copyFailed(error))
      }
      drop(id)
    }
  }

  private mutating func send(_ id: UInt64) {
    guard let backup = backups[id], var reading = backup.reading else { return }
    do throws(StorageError) {
      for _ in 0..<Self.turnMessages {
        if reading.message == nil {
          guard let message = try Self.next(&reading) else {
            backup.stream.end()
            return drop(id)
          }
          reading.message = message
        }
        guard let message = reading.message, backup.stream.send(message) else {
          // The client goes on reading, or goes: either way there will be a job.
          backups[id]?.reading = reading
          return
        }
        reading.message = nil
      }
      backups[id]?.reading = reading
      back(.send(id))
    } catch {
      backup.stream.fail(.copyFailed(error))
      drop(id)
    }
  }

  /// The next message: a piece of the file, and last its hash. `nil`: all was sent.
  private static func next(_ reading: inout Reading) throws(StorageError) -> [UInt8]? {
    guard reading.sent < reading.size else {
      guard !reading.isOver else { return nil }
      reading.isOver = true
      return MaintenanceService.snapshot(blob: reading.hash.finish(), remaining: 0).encodedBytes
    }
    let blob = try reading.file.read(at: reading.sent, count: blobBytes)
    reading.sent += blob.count
    reading.hash.update(blob)
    let remaining = UInt64(reading.size - reading.sent)
    return MaintenanceService.snapshot(blob: blob, remaining: remaining).encodedBytes
  }

  private mutating func drop(_ id: UInt64) {
    expected[id] = nil
    guard let backup = backups.removeValue(forKey: id) else { return }
    backup.writer.remove()
    if backup.isCopying { inboxes.apply.post(.snapshotClosed) }
  }

  /// The last job: lets go of everything.
  package mutating func close() {
    for id in expected.keys.sorted() { expected[id]?.fail(.stopping) }
    for id in backups.keys.sorted() {
      backups[id]?.stream.fail(.stopping)
      drop(id)
    }
  }
}
