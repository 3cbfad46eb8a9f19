import Raft

/// The entries of a log, in segments beside `raft.db`, which says which edition of it counts, and
/// from which segment on.
///
/// A commit is one write and one fdatasync. A conflicting end is not erased: a record that begins
/// at an index takes the place of all before it that hold this index or later ones (Raft §5.3).
final class EntryLog {
  /// Where a log is, as `raft.db` has it.
  struct Place: Hashable {
    /// One higher with each log that is written anew, as a whole.
    var edition: UInt64 = 1
    /// Drawn with the directory; never changes.
    var salt: UInt64
    /// The first record of the first segment that counts.
    var floor: UInt64 = 1
  }

  private(set) var place: Place
  private let directory: String
  private let settings: StorageSettings
  private let reserve: Reserve
  private let fileSystem: any FileSystem
  private var segments: [LogSegment] = []
  /// The sequence of the next record, and the checksum of the head before it.
  private var next: UInt64 = 1
  private var previous: UInt32 = 0
  private var spare: SpareSegment
  /// What the present commit writes; kept for its capacity.
  private var buffer: [UInt8] = []

  init(
    _ place: Place, in directory: String, reserve: Reserve, settings: StorageSettings,
    on fileSystem: any FileSystem
  ) {
    self.place = place
    self.directory = directory
    self.reserve = reserve
    self.settings = settings
    self.fileSystem = fileSystem
    spare = SpareSegment(in: directory, sizeBytes: settings.segmentBytes, on: fileSystem)
  }

  // MARK: Start

  /// Reads and proves everything, and removes what does not count. Answers the entries after the
  /// base; `nil` as the base: not formed, so there may be none.
  ///
  /// *Throws* `damaged` with the place.
  func open(after base: EntryID?) throws(StorageError) -> [Entry] {
    try spare.clear()
    segments = []
    var scan = LogScan(place, base: base)
    let names = try ownNames()
    var unsure = 0
    for (position, name) in names.enumerated() {
      let following = position + 1 < names.count ? names[position + 1].number : nil
      let path = name.path(in: directory)
      let file = try fileSystem.open(path)
      let bytes = try file.read(at: 0, count: file.size())
      let heads = try scan.read(bytes, of: path, following: following)
      let segment = LogSegment(
        number: name.number, path: path, file: file, sizeBytes: bytes.count)
      for head in heads {
        if head.sequence <= heads[heads.count - 1].synced { unsure = segment.end }
        dropPieces(from: head.first)
        segment.drop(from: head.first)
        segment.add(head)
      }
      segments.append(segment)
      if following == nil { try settle(segment, bytes[unsure..<segment.end]) }
      unsure = 0
    }
    (next, previous) = (scan.next, scan.previous ?? 0)
    return try scan.finish(in: segments.last?.path ?? directory)
  }

  /// Makes a log of these entries where there is none that counts. It must still be opened.
  func begin(with entries: [Entry]) throws(StorageError) {
    for name in try fileSystem.names(in: directory) where LogSegment.Name(name) != nil {
      try fileSystem.remove(directory + "/" + name)
    }
    try append(entries)
  }

  /// The files of this log in their order; those of others go.
  private func ownNames() throws(StorageError) -> [LogSegment.Name] {
    var own: [LogSegment.Name] = []
    var hasRemoved = false
    for name in try fileSystem.names(in: directory) {
      guard let segment = LogSegment.Name(name) else { continue }
      if segment.edition == place.edition, segment.number >= place.floor {
        own.append(segment)
      } else {
        try fileSystem.remove(directory + "/" + name)
        hasRemoved = true
      }
    }
    // A name that came back could be taken for one of an edition to come.
    if hasRemoved { try fileSystem.syncDirectory(directory) }
    own.sort { $0.number < $1.number }
    guard own.first?.number ?? 1 == place.floor else {
      let missing = LogSegment.Name(edition: place.edition, number: place.floor)
      throw .damaged(file: missing.path(in: directory), place: "it is missing")
    }
    return own
  }

  /// Writes the records of the last commit once more and syncs them: all before was synced by who
  /// wrote it, and what is in sight after a failed sync need not be on the disk
  /// (Docs/Decisions/0005-what-a-start-believes.md).
  private func settle(
    _ segment: LogSegment, _ bytes: ArraySlice<UInt8>
  ) throws(StorageError) {
    if !bytes.isEmpty { try segment.file.write(Array(bytes), at: bytes.startIndex) }
    try segment.file.sync()
  }

  // MARK: Commit

  /// Makes the entries durable, in the place of all that have their indices or later ones.
  func append(_ entries: [Entry]) throws(StorageError) {
    let synced = next
    var rest = entries[...]
    var dirty: LogSegment?
    while let first = rest.first {
      dropPieces(from: first.index)
      buffer.removeAll(keepingCapacity: true)
      let head = LogRecord.encode(
        rest,
        as: LogRecord.Head(
          salt: place.salt, edition: place.edition, sequence: next, synced: synced,
          first: first.index, previous: previous),
        into: &buffer)
      let segment = try segment(holding: buffer.count, after: dirty)
      try segment.file.write(buffer, at: segment.end)
      segment.add(head)
      dirty = segment
      (next, previous) = (next + 1, head.checksum)
      rest = rest.dropFirst(Int(head.count))
    }
    try dirty?.file.sync()
  }

  private func dropPieces(from index: LogIndex) {
    for segment in segments.reversed() {
      guard segment.pieces.isEmpty || segment.drop(from: index) else { return }
    }
  }

  /// The segment that takes so many bytes; a new one when the last is full. `dirty`: what this
  /// commit has written and not synced, which it is before there is a later file.
  private func segment(
    holding bytes: Int, after dirty: LogSegment?
  ) throws(StorageError) -> LogSegment {
    if let current = segments.last {
      if current.hasRoom(for: bytes) { return current }
      // One that was made by a process which came no further.
      if current.end == 0 { segments.removeLast() }
    }
    try dirty?.file.sync()
    let path = LogSegment.Name(edition: place.edition, number: next).path(in: directory)
    let made: (file: any DiskFile, sizeBytes: Int)
    do throws(StorageError) {
      made = try spare.make(path, holding: bytes)
    } catch .full where reserve.release() {
      // What is refused before append is not refused here (Docs/Storage.md, *A full disk*).
      made = try spare.make(path, holding: bytes)
    }
    let segment = LogSegment(
      number: next, path: path, file: made.file, sizeBytes: made.sizeBytes)
    segments.append(segment)
    return segment
  }

  // MARK: The beginning

  /// Where the log is once nothing up to the base counts any more.
  func place(after base: LogIndex) -> Place {
    var kept = segments[...]
    while let first = kept.first, let second = kept.dropFirst().first,
      let opening = second.opening, opening <= base.next,
      first.pieces.last?.last ?? .zero <= base
    {
      kept.removeFirst()
    }
    var place = place
    place.floor = kept.first?.number ?? place.floor
    return place
  }

  /// Gives back the segments that `raft.db` does not count any more.
  func move(to place: Place) throws(StorageError) {
    self.place = place
    while let first = segments.first, first.number < place.floor {
      segments.removeFirst()
      try spare.take(first)
    }
  }

  /// An empty log of the next edition, in this one's place as soon as `raft.db` says so.
  func successor() -> EntryLog {
    let place = Place(edition: place.edition + 1, salt: place.salt)
    let log = EntryLog(
      place, in: directory, reserve: reserve, settings: settings, on: fileSystem)
    log.spare = spare
    return log
  }

  /// Ends a log that has a successor.
  func removeFiles() throws(StorageError) {
    for segment in segments { try fileSystem.remove(segment.path) }
    segments = []
  }

  // MARK: Reading

  /// The id of the entry in this slot; `nil`: not kept.
  func id(at index: LogIndex) throws(StorageError) -> EntryID? {
    guard let (segment, piece) = piece(at: index) else { return nil }
    return try segment.entries(of: piece).first { $0.index == index }?.id
  }

  /// At least one entry, then up to the byte limit. *Precondition*: the first of them is kept.
  func entries(_ wish: LogFetch) throws(StorageError) -> [Entry] {
    var found: [Entry] = []
    var bytes = 0
    var index = wish.first
    while index <= wish.last, let (segment, piece) = piece(at: index) {
      for entry in try segment.entries(of: piece) where entry.index >= index {
        bytes += entry.approximateLength
        guard entry.index <= wish.last, found.isEmpty || bytes <= wish.limitBytes else {
          return found
        }
        found.append(entry)
      }
      index = piece.last.next
    }
    guard !found.isEmpty else {
      throw .damaged(
        file: segments.last?.path ?? directory,
        place: "entry \(wish.first.number) of the log is missing")
    }
    return found
  }

  private func piece(at index: LogIndex) -> (LogSegment, LogSegment.Piece)? {
    let segment = segments.last { $0.pieces.first?.first ?? index.next <= index }
    guard let segment, let piece = segment.piece(at: index) else { return nil }
    return (segment, piece)
  }

  // MARK: House-keeping

  /// Makes the next segment ready, a little at a time, once the present one is nearly full: until
  /// then an old one may have come back.
  func maintain() throws(StorageError) {
    guard let current = segments.last, !current.hasRoom(for: current.sizeBytes / 8) else {
      return
    }
    try spare.prepare()
  }
}
