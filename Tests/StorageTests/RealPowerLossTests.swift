import Base
import Foundation
import Raft
import Testing

@testable import FaultyStorage
@testable import Storage

/// Power losses over real files: a process that ends, and a disk that keeps of its unsynced writes
/// what the dice say. `PowerLossTests` has the same over files in memory.
@Suite struct `a power loss below real files` {
  @Test(arguments: UInt64(1)...4)
  func `breaks no promise at any operation`(seed: UInt64) throws {
    let place = TemporaryDirectory()
    let whole = FaultyDisk()
    try Story(on: whole, at: place.path).live()
    #expect(whole.operations > 100)
    var dice = SplitMix64(seed: seed)
    var (kept, lost) = (0, 0)
    for operation in stride(from: Int(seed), to: whole.operations, by: 23) {
      let directory = TemporaryDirectory()
      let disk = try FaultyDisk(forgettingIn: directory.path)
      let story = Story(on: disk, at: directory.path)
      // From here on nothing works: the process is as good as gone.
      disk.arm(DiskFault(.inputOutput, after: operation))
      try? story.live()
      let loss = try PowerLoss.strike(in: directory.path, dice: &dice)
      (kept, lost) = (kept + loss.kept, lost + loss.lost)
      disk.arm(nil)
      if let broken = story.brokenPromise() {
        Issue.record("operation \(operation) of \(whole.operations): \(broken)")
      }
    }
    #expect(kept > 0 && lost > 0)
  }

  /// The loss is one: a disk that only says that it has synced is found out.
  @Test func `takes what was not synced, and nothing else`() throws {
    let place = TemporaryDirectory()
    let disk = try FaultyDisk(forgettingIn: place.path)
    var directory: DataDirectory? = try DataDirectory(
      at: place.path, as: Sample.claim, settings: Story.settings, on: disk
    ) { Incarnation(9) }
    try directory?.log.form(Sample.base)
    try directory?.log.commit([Sample.write(Sample.entries(1, 1...3), term: 1)])
    disk.arm(DiskFault(.dropped, of: .sync, on: ".wal"))
    try directory?.log.commit([Sample.write(Sample.entries(1, 4...6))])
    directory = nil
    // Half of the seeds lose everything that was not synced.
    let seed = UInt64(
      try #require(
        (1...64).first { seed in
          var dice = SplitMix64(seed: UInt64(seed))
          return !dice.chance(1, in: 2)
        }))
    var dice = SplitMix64(seed: seed)
    let loss = try PowerLoss.strike(in: place.path, dice: &dice)
    #expect(loss.lost > 0 && loss.kept == 0)
    let again = try RaftLog.entries(in: place.path)
    #expect(again == Sample.entries(1, 1...3))
    #expect(try PowerLoss.strike(in: place.path, dice: &dice) == PowerLoss())
  }

  @Test func `does nothing to a directory whose disk was a real one`() throws {
    var dice = SplitMix64(seed: 1)
    #expect(try PowerLoss.strike(in: TemporaryDirectory().path, dice: &dice) == PowerLoss())
  }
}

extension RaftLog {
  fileprivate static func entries(in path: String) throws -> [Entry]? {
    // The landmark, which is not synced on the path, may know of what is gone.
    try FileManager.default.removeItem(atPath: path + "/landmark")
    try Landmark.create(at: path + "/landmark", on: POSIXFileSystem())
    return try DataDirectory(at: path, as: Sample.claim, settings: Story.settings) {
      Incarnation(9)
    }.log.recover()?.entries
  }
}
