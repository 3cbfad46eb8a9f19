import Foundation
import Glibc
package import Storage

/// The files of a data directory, seen from beside: how much they take, and whether they are of a
/// member that was removed.
package struct StateFiles: Sendable {
  package let directory: String

  package init(directory: String) { self.directory = directory }

  /// The files of all generations and their WALs; what cannot be looked at counts as nothing.
  package func bytes() -> Int64 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.reduce(0) { sum, name in
      var facts = stat()
      guard name.hasPrefix("state-"), stat("\(directory)/\(name)", &facts) == 0 else { return sum }
      return sum + Int64(facts.st_size)
    }
  }

  /// Throws away the directory of a member that never was one.
  package func discard() { try? FileManager.default.removeItem(atPath: directory) }

  private var removalMark: String { directory + "/removed" }

  /// Marks the directory for good: its member is none any more.
  package func retire() throws(StorageError) {
    let system = POSIXFileSystem()
    let file = try system.open(removalMark)
    try file.write(Array("This member was removed from its cluster.\n".utf8), at: 0)
    try file.sync()
    try system.syncDirectory(directory)
  }

  package var isRetired: Bool { FileManager.default.fileExists(atPath: removalMark) }
}
