import FaultyStorage
import Raft
import Storage

/// Failures S3: one sync fails, later ones succeed. Nothing may be believed after the first.
enum FailingDiskDrill {
  static func run() throws -> Drill.Ending {
    let disk = MemoryDisk()
    let directory = try Sample.directory(on: disk)
    try directory.log.form(Sample.formation)
    try directory.log.commit([Sample.write(Sample.entries(1, 1...2), state: Sample.term(1))])
    disk.arm(DiskFault(.inputOutput, of: .sync, on: ".wal", isLasting: false))
    let lost = Sample.write(Sample.entries(1, 3...3))
    guard (try? directory.log.commit([lost])) == nil else {
      return Drill.Ending(finding: "a failed sync is not noticed", steps: 3)
    }
    let next = Sample.write(Sample.entries(1, 3...3))
    let isBelieved = (try? directory.log.commit([next])) != nil
    return Drill.Ending(
      finding: isBelieved ? "after a failed sync the log goes on" : nil, steps: 4)
  }
}

/// Failures S8: what was let in before the disk was full finds the reserve.
enum FullDiskDrill {
  static func run() throws -> Drill.Ending {
    let disk = MemoryDisk()
    var settings = Sample.settings
    settings.reserveBytes = 1 << 20
    settings.neededBytes = 1 << 18
    let directory = try Sample.directory(on: disk, settings)
    try directory.log.form(Sample.formation)
    let used = disk.paths.reduce(0) { $0 + (disk.bytes(of: $1)?.count ?? 0) }
    disk.resize(to: used + 10_000)
    let write = Sample.write(Sample.entries(1, 1...20, bytes: 1_000), state: Sample.term(1))
    do {
      try directory.log.commit([write])
      return Drill.Ending(finding: nil, steps: 2)
    } catch {
      return Drill.Ending(finding: "the reserve is there, and yet: \(error)", steps: 2)
    }
  }
}

/// Failures S6: a bit that was durable turns. It is noticed, or it changes nothing.
enum DamageDrill {
  private static let stride = 61

  static func run() throws -> Drill.Ending {
    let disk = MemoryDisk()
    let directory = try Sample.directory(on: disk)
    try directory.log.form(Sample.formation)
    for index in UInt64(1)...12 {
      let write = Sample.write(
        Sample.entries(1, index...index), state: Sample.term(1, vote: 2))
      try directory.log.commit([write])
    }
    let kept = try directory.log.recover()
    var files: [String: [UInt8]] = [:]
    for path in disk.paths { files[path] = disk.bytes(of: path) }
    var steps = 0
    for path in files.keys.sorted() where path.hasPrefix("/m/raft") && path.hasSuffix("wal") {
      let count = files[path]?.count ?? 0
      precondition(count > 10_000, "\(path) has \(count) bytes")
      for offset in Swift.stride(from: 0, to: count, by: stride) {
        steps += 1
        let other = MemoryDisk()
        for (path, bytes) in files { other.place(bytes, at: path) }
        other.flip(bit: offset * 8 + steps % 8, of: path)
        guard let found = try? Sample.directory(on: other) else { continue }
        if try found.log.recover() != kept {
          return Drill.Ending(
            finding: "byte \(offset) of \(path) was turned, and the log starts without its end",
            steps: steps)
        }
      }
    }
    return Drill.Ending(finding: nil, steps: steps)
  }
}
