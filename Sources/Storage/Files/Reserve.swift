import Synchronization

/// Space that nothing uses, given up once when the disk is full, so that what frees space still
/// finds some (Docs/Storage.md, *A full disk*). Shared by all threads of a member.
final class Reserve: Sendable {
  private let path: String
  private let directory: String
  private let settings: StorageSettings
  private let fileSystem: any FileSystem
  /// The file has its full size.
  private let isWhole = Mutex(false)
  /// What `space` said last.
  private let wasShort = Mutex(false)

  init(
    in directory: String, _ settings: StorageSettings, on fileSystem: any FileSystem
  ) throws(StorageError) {
    self.directory = directory
    path = directory + "/reserve"
    self.settings = settings
    self.fileSystem = fileSystem
    _ = try refill()
  }

  /// Gives the space back to the file system; whether there was any.
  func release() -> Bool {
    return isWhole.withLock { isWhole in
      guard isWhole else { return false }
      isWhole = false
      // If it cannot be removed, the next write says so.
      try? fileSystem.remove(path)
      return true
    }
  }

  /// The disk was short of space when it was looked at last: give back what can be given.
  var isShort: Bool { wasShort.withLock { $0 } }

  /// What is left, with the reserve set up again as soon as there is room for it.
  func space() throws(StorageError) -> Space {
    let free = try fileSystem.freeBytes(in: directory)
    let isWhole = try refill(free: free)
    return wasShort.withLock { wasShort in
      // Ended a little above where it began, it does not come and go with every command.
      let needed =
        settings.neededBytes + (isWhole ? 0 : UInt64(settings.reserveBytes))
        + (wasShort ? settings.neededBytes / 8 : 0)
      wasShort = free < needed || !isWhole
      return wasShort ? .short(freeBytes: free, neededBytes: needed) : .plenty
    }
  }

  /// Whether the reserve is whole now. A full disk is an answer, not an error.
  private func refill(free: UInt64? = nil) throws(StorageError) -> Bool {
    try isWhole.withLock { isWhole throws(StorageError) in
      if isWhole { return true }
      let needed = settings.neededBytes + UInt64(settings.reserveBytes)
      if let free, free < needed { return false }
      do throws(StorageError) {
        let file = try fileSystem.open(path)
        if try file.size() != settings.reserveBytes { try file.allocate(settings.reserveBytes) }
        isWhole = true
      } catch .full {
        try fileSystem.remove(path)
      }
      return isWhole
    }
  }
}
