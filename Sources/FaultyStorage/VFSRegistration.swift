import CSQLite
import Synchronization

/// A VFS under a name of its own, for one disk (https://www.sqlite.org/vfs.html). It must outlive
/// every connection on it.
///
/// `@unchecked Sendable`: nothing changes between the registration and its end.
final class VFSRegistration: @unchecked Sendable {
  let name: String
  private let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
  private let cName: UnsafeMutablePointer<CChar>

  private static let count = Mutex(0)

  /// `disk` is what the methods find by `disk(of:)`; it is not kept alive.
  init(_ prefix: String, for disk: AnyObject, _ methods: sqlite3_vfs) {
    let number = VFSRegistration.count.withLock { count in
      count += 1
      return count
    }
    name = "\(prefix)-\(number)"
    let bytes = Array(name.utf8CString)
    cName = .allocate(capacity: bytes.count)
    cName.initialize(from: bytes, count: bytes.count)
    vfs.initialize(to: methods)
    vfs.pointee.zName = UnsafePointer(cName)
    vfs.pointee.pAppData = Unmanaged.passUnretained(disk).toOpaque()
    let code = sqlite3_vfs_register(vfs, 0)
    precondition(code == SQLITE_OK, "SQLite does not take a VFS: \(code)")
  }

  deinit {
    sqlite3_vfs_unregister(vfs)
    vfs.deallocate()
    cName.deallocate()
  }

  static func disk<Disk: AnyObject>(of vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> Disk {
    Unmanaged.fromOpaque(vfs!.pointee.pAppData).takeUnretainedValue()
  }
}
