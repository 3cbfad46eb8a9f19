import Raft

/// One file of the log, `raft-<edition>-<sequence of its first record>.wal`, and what lies in it.
final class LogSegment {
  /// What one record still holds of the log.
  struct Piece {
    var first: LogIndex
    /// Lower than in the record when a later one took the end's place.
    var last: LogIndex
    let offset: Int
    let length: Int
  }

  let number: UInt64
  let path: String
  let file: any DiskFile
  let sizeBytes: Int
  /// In the order of the log.
  private(set) var pieces: [Piece] = []
  /// The first entry of the first record, also when nothing of it counts any more.
  private(set) var opening: LogIndex?
  /// Where the next record begins.
  private(set) var end = 0

  init(number: UInt64, path: String, file: any DiskFile, sizeBytes: Int) {
    self.number = number
    self.path = path
    self.file = file
    self.sizeBytes = sizeBytes
  }

  func hasRoom(for bytes: Int) -> Bool { end + bytes <= sizeBytes }

  /// A record is at the end now.
  func add(_ head: LogRecord.Head) {
    let last = LogIndex(head.first.number + UInt64(head.count) - 1)
    let length = Int(head.length)
    pieces.append(Piece(first: head.first, last: last, offset: end, length: length))
    opening = opening ?? head.first
    end = LogRecord.end(of: end, length: length)
  }

  /// Entries from here on do not count any more. *Returns* whether nothing is left.
  @discardableResult
  func drop(from index: LogIndex) -> Bool {
    while let piece = pieces.last, piece.last >= index {
      if piece.first < index {
        pieces[pieces.count - 1].last = index.previous
      } else {
        pieces.removeLast()
      }
    }
    return pieces.isEmpty
  }

  /// The piece with this entry.
  func piece(at index: LogIndex) -> Piece? {
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].last < index { low = middle + 1 } else { high = middle }
    }
    return low < pieces.count && pieces[low].first <= index ? pieces[low] : nil
  }

  /// The entries of a piece. *Throws* `damaged` if they are not what was written.
  func entries(of piece: Piece) throws(StorageError) -> [Entry] {
    let bytes = try file.read(at: piece.offset, count: LogRecord.headLength + piece.length)
    guard let record = LogRecord(bytes, at: 0), record.head.first == piece.first else {
      throw .damaged(
        file: path, place: "entries \(piece.first.number) to \(piece.last.number) of the log")
    }
    return record.entries.filter { $0.index <= piece.last }
  }
}

extension LogSegment {
  /// Which log a file belongs to, and its first record.
  struct Name: Hashable {
    var edition: UInt64
    var number: UInt64

    init(edition: UInt64, number: UInt64) {
      self.edition = edition
      self.number = number
    }

    /// `nil`: it is no segment.
    init?(_ name: String) {
      let parts = name.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0] == "raft", parts[2].hasSuffix(".wal"),
        let edition = UInt64(parts[1]), let number = UInt64(parts[2].dropLast(4))
      else { return nil }
      self.init(edition: edition, number: number)
    }

    func path(in directory: String) -> String { "\(directory)/raft-\(edition)-\(number).wal" }
  }
}
