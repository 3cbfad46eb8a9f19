import Foundation
import Raft
import Storage
import Testing

@Suite("The mark of the entry being applied")
struct ApplyMarkTests {
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "quorate-mark-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private let notes = ApplyMark.Notes(suspect: LogIndex(9), deaths: 1, build: 7)

  @Test func `is empty at first, and found again without having been closed`() throws {
    try inDirectory { directory in
      let mark = try ApplyMark(in: directory)
      #expect(mark.applying == .zero && mark.notes == nil)
      mark.begin(notes)
      mark.applying = LogIndex(12)
      // A second mapping sees what a next process would.
      let found = try ApplyMark(in: directory)
      #expect(found.applying == LogIndex(12) && found.notes == notes)
      found.begin(notes)
      #expect(mark.applying == .zero)
    }
  }

  @Test func `a flipped bit anywhere leaves it as it was, or empty`() throws {
    try inDirectory { directory in
      let path = directory + "/applying"
      do {
        let mark = try ApplyMark(in: directory)
        mark.begin(notes)
        mark.applying = LogIndex(12)
      }
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      for bit in 0..<(8 * 64) {
        var bytes = whole
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try bytes.write(to: URL(fileURLWithPath: path))
        let mark = try ApplyMark(in: directory)
        #expect(mark.applying == .zero || mark.applying == LogIndex(12), "bit \(bit)")
        #expect(mark.notes == nil || mark.notes == notes, "bit \(bit)")
      }
    }
  }
}
