#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The machine's own file system.
public final class POSIXFileSystem: FileSystem {
  public let vfs: String?

  /// `vfs`: a registered VFS over the same files, for injected faults; `nil`: SQLite's own.
  public init(vfs: String? = nil) { self.vfs = vfs }

  public func makeDirectory(_ path: String) throws(StorageError) {
    if mkdir(path, 0o700) == 0 { return try syncParent(of: path) }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try makeDirectory(String(path[..<slash]))
      if mkdir(path, 0o700) == 0 { return try syncParent(of: path) }
    }
    guard errno == EEXIST else { throw .unwritable(path: path, reason: reason()) }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw .unwritable(path: path, reason: "it is not a directory")
    }
  }

  /// The name of a new directory must survive a power loss, or all that is in it is lost.
  private func syncParent(of path: String) throws(StorageError) {
    guard let slash = path.lastIndex(of: "/") else { return try syncDirectory(".") }
    try syncDirectory(slash == path.startIndex ? "/" : String(path[..<slash]))
  }

  public func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  public func names(in directory: String) throws(StorageError) -> [String] {
    guard let stream = opendir(directory) else { throw failed(directory, "list") }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  public func remove(_ path: String) throws(StorageError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw failed(path, "remove") }
  }

  public func rename(_ path: String, to newPath: String) throws(StorageError) {
    #if canImport(Glibc)
      let result = Glibc.rename(path, newPath)
    #else
      let result = Darwin.rename(path, newPath)
    #endif
    guard result == 0 else { throw failed(path, "rename") }
  }

  public func syncDirectory(_ path: String) throws(StorageError) {
    let descriptor = posixOpen(path, O_RDONLY)
    guard descriptor >= 0 else { throw failed(path, "open") }
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failed(path, "sync") }
  }

  public func open(_ path: String) throws(StorageError) -> any DiskFile {
    let descriptor = posixOpen(path, O_RDWR | O_CREAT | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unwritable(path: path, reason: reason()) }
    return POSIXFile(path, descriptor)
  }

  public func lock(_ path: String) throws(StorageError) -> (any DiskLock)? {
    let descriptor = posixOpen(path, O_RDWR | O_CREAT | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unwritable(path: path, reason: reason()) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return POSIXLock(descriptor) }
    let isTaken = errno == EWOULDBLOCK
    let error = failed(path, "lock")
    _ = close(descriptor)
    if isTaken { return nil }
    throw error
  }

  public func freeBytes(in directory: String) throws(StorageError) -> UInt64 {
    var status = statvfs()
    guard statvfs(directory, &status) == 0 else { throw failed(directory, "measure") }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}

/// A file by its descriptor.
private final class POSIXFile: DiskFile {
  private let path: String
  private let descriptor: Int32

  init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { _ = close(descriptor) }

  func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset + done))
      }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw failed(path, "read") }
      if got == 0 { break }
      done += got
    }
    bytes.removeLast(count - done)
    return bytes
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes { buffer in
        pwrite(descriptor, buffer.baseAddress! + done, bytes.count - done, off_t(offset + done))
      }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw failed(path, "write") }
      done += written
    }
  }

  func sync() throws(StorageError) {
    #if canImport(Glibc)
      let result = fdatasync(descriptor)
    #else
      let result = fcntl(descriptor, F_FULLFSYNC)
    #endif
    guard result == 0 else { throw failed(path, "sync") }
  }

  func size() throws(StorageError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failed(path, "measure") }
    return Int(status.st_size)
  }

  func allocate(_ bytes: Int) throws(StorageError) {
    #if canImport(Glibc)
      let code = posix_fallocate(descriptor, 0, off_t(bytes))
      if code == ENOSPC || code == EDQUOT || code == EFBIG { throw .full(file: path) }
      guard code == 0 else {
        throw .failed(file: path, action: "allocate", reason: String(cString: strerror(code)))
      }
    #else
      let block = [UInt8](repeating: 0, count: 1 << 16)
      for offset in stride(from: 0, to: bytes, by: block.count) { try write(block, at: offset) }
    #endif
  }
}

/// A lock by `flock`, which ends with its descriptor.
private final class POSIXLock: DiskLock {
  private var descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { release() }

  func release() {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
  }
}

private func posixOpen(_ path: String, _ flags: Int32) -> Int32 {
  #if canImport(Glibc)
    Glibc.open(path, flags, 0o600)
  #else
    Darwin.open(path, flags, 0o600)
  #endif
}

private func reason() -> String { String(cString: strerror(errno)) }

/// The error of the call that has just failed.
private func failed(_ path: String, _ action: String) -> StorageError {
  switch errno {
  case ENOSPC, EDQUOT: .full(file: path)
  case EACCES, EPERM, EROFS: .unwritable(path: path, reason: reason())
  default: .failed(file: path, action: action, reason: reason())
  }
}
