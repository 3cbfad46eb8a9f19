import FaultyStorage
import Raft
import Storage

/// Failures S6: of a commit of two records the first was lost with the power. The second is cut
/// off, and stays so when another commit fills the place of the first.
enum RemainsDrill {
  private static let segment = "/m/raft-1-1.wal"
  /// Where records begin, and where their count of entries is (Docs/Storage.md).
  private static let block = 4_096
  private static let countOffset = 44

  static func run() throws -> Drill.Ending {
    let disk = MemoryDisk()
    var settings = Sample.settings
    settings.segmentBytes = 1 << 20
    let directory = try Sample.directory(on: disk, settings)
    try directory.log.form(Sample.formation)
    let first = Sample.entries(1, 1...1)
    try directory.log.commit([Sample.write(first, state: Sample.term(2))])
    let landmark = disk.bytes(of: "/m/landmark")
    try directory.log.commit([Sample.write(Sample.entries(2, 2...600, bytes: 600))])
    disk.endProcess()
    guard var bytes = disk.bytes(of: segment), let landmark else {
      preconditionFailure("a log without a segment or a landmark")
    }
    let count = UInt64(bytes[block + countOffset]) | UInt64(bytes[block + countOffset + 1]) << 8
    precondition(count < 599, "all \(count) entries are in one record")
    for offset in block..<2 * block { bytes[offset] = 0 }
    disk.place(bytes, at: segment)
    disk.place(landmark, at: "/m/landmark")

    let second = try Sample.directory(on: disk, settings)
    guard try second.log.recover()?.entries == first else {
      return Drill.Ending(finding: "half a commit is taken for whole", steps: 2)
    }
    // As many entries, as long, of an older leader: the lost commit's other record lies just
    // behind them.
    let other = Sample.entries(1, 2...count + 1, bytes: 600)
    try second.log.commit([Sample.write(other)])
    disk.endProcess()
    let found = try Sample.directory(on: disk, settings).log.recover()?.entries.count ?? 0
    guard found == first.count + other.count else {
      return Drill.Ending(
        finding: "\(found - first.count - other.count) entries of a lost commit came back", steps: 3
      )
    }
    return Drill.Ending(finding: nil, steps: 3)
  }
}
