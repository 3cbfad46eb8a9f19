import Foundation
import Glibc

/// How much of the disk the state files of a data directory take.
struct StateFiles: Sendable {
  let directory: String

  /// The files of all generations and their WALs; what cannot be looked at counts as nothing.
  func bytes() -> Int64 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.reduce(0) { sum, name in
      var facts = stat()
      guard name.hasPrefix("state-"), stat("\(directory)/\(name)", &facts) == 0 else { return sum }
      return sum + Int64(facts.st_size)
    }
  }
}
