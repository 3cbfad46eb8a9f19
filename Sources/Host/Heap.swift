#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Gives memory back to the system after a crowd of writes: glibc keeps what was freed, and a bulk
/// load leaves half of the heap free between what stays. What stays gets large pages.
///
/// To give back takes the allocator's locks for some milliseconds, so it waits until nothing is
/// written.
struct Heap {
  /// Below that there is little to give back.
  private static let limitBytes = 16 << 20

  private var usedBytes = 0
  private var isQuiet = true
  private var hugePages = HugePages()

  /// So many bytes of rows went through memory.
  mutating func use(_ bytes: Int) {
    usedBytes += bytes
    isQuiet = false
  }

  /// To be called about once a second: gives back once a whole one was quiet.
  mutating func rest() {
    defer { isQuiet = true }
    if isQuiet, usedBytes >= Self.limitBytes {
      usedBytes = 0
      _ = Self.trim?(0)
      hugePages.forget()
    }
    hugePages.maintain()
  }

  /// glibc's `malloc_trim`, which its module does not show; other allocators have none.
  private static let trim = dlsym(dlopen(nil, RTLD_NOW), "malloc_trim").map {
    unsafeBitCast($0, to: (@convention(c) (Int) -> Int32).self)
  }
}
