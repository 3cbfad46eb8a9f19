/// The next segment's file, made ready between commits: a commit that writes blocks which are there
/// already, and hold something, takes half the time of one that makes them.
///
/// At first it is written with zeros, a little at a time; later the log's own old segments come
/// back here. It does not outlive its process: who opens a log removes it.
struct SpareSegment {
  private static let stepBytes = 1 << 18
  private let path: String
  private let directory: String
  private let sizeBytes: Int
  private let fileSystem: any FileSystem
  private var file: (any DiskFile)?
  private var written = 0

  private var isWhole: Bool { file != nil && written == sizeBytes }

  init(in directory: String, sizeBytes: Int, on fileSystem: any FileSystem) {
    self.directory = directory
    self.sizeBytes = sizeBytes
    self.fileSystem = fileSystem
    path = directory + "/raft-spare.wal"
  }

  /// Removes what an earlier process has left.
  func clear() throws(StorageError) { try fileSystem.remove(path) }

  /// Goes a step towards a whole spare. A full disk ends it for this time.
  mutating func prepare() throws(StorageError) {
    guard !isWhole else { return }
    do throws(StorageError) {
      if file == nil { file = try fileSystem.open(path) }
      let count = min(Self.stepBytes, sizeBytes - written)
      // Block by block: what is written at once lies in one folio of the page cache, and counts as
      // dirty as a whole whenever a record is written into it.
      let zeros = [UInt8](repeating: 0, count: min(count, LogRecord.alignment))
      for offset in stride(from: written, to: written + count, by: zeros.count) {
        try file?.write(zeros, at: offset)
      }
      try file?.sync()
      written += count
    } catch .full {
      file = nil
      written = 0
      try fileSystem.remove(path)
    }
  }

  /// Takes in a segment that is not needed any more, or removes it.
  mutating func take(_ segment: LogSegment) throws(StorageError) {
    guard !isWhole, segment.sizeBytes == sizeBytes else {
      return try fileSystem.remove(segment.path)
    }
    try fileSystem.rename(segment.path, to: path)
    file = try fileSystem.open(path)
    written = sizeBytes
  }

  /// A file at `target` with room for so many bytes, whose name and space are durable.
  mutating func make(
    _ target: String, holding bytes: Int
  ) throws(StorageError) -> (file: any DiskFile, sizeBytes: Int) {
    let size = max(bytes, sizeBytes)
    let takesSpare = isWhole && size == sizeBytes
    if takesSpare {
      try fileSystem.rename(path, to: target)
      file = nil
      written = 0
    }
    let made = try fileSystem.open(target)
    if !takesSpare {
      try made.allocate(size)
      try made.sync()
    }
    try fileSystem.syncDirectory(directory)
    return (made, size)
  }
}
