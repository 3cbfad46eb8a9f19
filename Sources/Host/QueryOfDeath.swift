import Base
import Foundation
import Raft
import Replica
import Storage

/// An entry that ends every process which applies it must not end this member for ever, nor the
/// others in turn. The applier marks the entry that it takes up; a start that finds the same entry
/// marked twice leaves the member outside the quorum, where it only serves what it holds.
extension ApplyMark {
  /// Judges how the last process ended, and writes down what the next start must know.
  ///
  /// `applied`: the last entry that the state contains. Returns the entry that must not be applied
  /// again; `nil`: none.
  func judge(applied: LogIndex, triesAgain: Bool) -> LogIndex? {
    var record = ApplyRecord(applying: applying)
    if let notes {
      record.suspect = notes.suspect
      record.deaths = notes.deaths
      record.build = notes.build
    }
    let poisoned = record.begin(applied: applied, build: Self.ownBuild, triesAgain: triesAgain)
    begin(Notes(suspect: record.suspect, deaths: record.deaths, build: record.build))
    return poisoned
  }

  /// Tells one built program from another: version, size and time of the executable. Never zero.
  private static var ownBuild: UInt64 {
    let path = CommandLine.arguments.first ?? ""
    let executable =
      FileManager.default.fileExists(atPath: "/proc/self/exe")
      ? "/proc/self/exe" : path
    let resolved = URL(fileURLWithPath: executable).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: resolved)
    let size = attributes?[.size] as? UInt64 ?? 0
    let date = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    let text = "\(Version.quorate) \(size) \(date)"
    return UInt64(CRC32C.checksum(of: Array(text.utf8))) + 1
  }
}
