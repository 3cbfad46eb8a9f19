#if os(Linux)
  import Glibc

  /// Large pages for a large heap: the index of millions of keys lies anywhere in hundreds of
  /// megabytes, and with pages of 4 KiB the processor looks for most of them in the page table,
  /// which costs as much again as the memory (Docs/Decisions/0021-large-pages-for-the-index.md).
  ///
  /// The system is asked to join the pages of what the heap fills, piece by piece (Linux 6.1,
  /// `MADV_COLLAPSE`). What is mostly empty stays as it is: joined, it would take memory for
  /// nothing.
  struct HugePages {
    static let pageBytes: UInt = 2 << 20
    /// Joined a second: each takes half a millisecond, and holds up whoever needs new memory.
    static let limit = 16
    /// Small pages of a large one that must be there: all but an eighth.
    private static let fullPages = 448
    /// `madvise`'s, which Glibc's module does not show.
    private static let collapse: Int32 = 25
    /// Of the machine.
    private static let memoryBytes = UInt(
      max(0, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))))

    private var joined: Set<UInt> = []
    /// The system has joined some before: it knows how.
    private var isAbleTo = false
    private(set) var isRefused = false

    /// A part of the heap was given back: what was joined may be in pieces.
    mutating func forget() { joined = [] }

    /// To be called about once a second.
    mutating func maintain() {
      var left = Self.limit
      for mapping in Self.heap where !isRefused {
        var page = (mapping.lowerBound + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
        while page + Self.pageBytes <= mapping.upperBound, left > 0, !isRefused {
          if !joined.contains(page), Self.isFull(page) {
            left -= 1
            join(page)
          }
          page += Self.pageBytes
        }
      }
    }

    private mutating func join(_ page: UInt) {
      if madvise(UnsafeMutableRawPointer(bitPattern: page), Int(Self.pageBytes), Self.collapse) == 0
      {
        joined.insert(page)
        isAbleTo = true
      } else if errno == EINVAL {
        // A kernel before 6.1, or one that knows no large pages. Anything else passes.
        isRefused = !isAbleTo
      }
    }

    /// Memory that nobody uses answers no.
    private static func isFull(_ page: UInt) -> Bool {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { present in
        guard
          mincore(
            UnsafeMutableRawPointer(bitPattern: page), Int(pageBytes), present.baseAddress) == 0
        else { return false }
        return present.count { $0 & 1 == 1 } >= fullPages
      }
    }

    /// What glibc's arenas lie in: the main one, which has a name, and those of the threads, which
    /// begin at multiples of 64 MiB.
    private static var heap: [Range<UInt>] {
      guard let file = fopen("/proc/self/maps", "re") else { return [] }
      defer { fclose(file) }
      var found: [Range<UInt>] = []
      var line: UnsafeMutablePointer<CChar>?
      var room = 0
      defer { free(line) }
      while getline(&line, &room, file) > 0, let line {
        if let mapping = mapping(String(cString: line)) { found.append(mapping) }
      }
      return found
    }

    /// A line as `7f2a98000000-7f2a9a21b000 rw-p 00000000 00:00 0 [heap]` (proc_pid_maps(5));
    /// `nil`: none of an arena. What is larger than the memory was only reserved, as sanitizers do
    /// it: to look through that would take for ever.
    static func mapping(_ line: String) -> Range<UInt>? {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count >= 5, words[1] == "rw-p", words[4] == "0" else { return nil }
      let bounds = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard bounds.count == 2, bounds[0] < bounds[1], bounds[1] - bounds[0] <= memoryBytes
      else { return nil }
      let isArena = words.count == 5 && bounds[0].isMultiple(of: 64 << 20)
      guard isArena || words.last == "[heap]" else { return nil }
      return bounds[0]..<bounds[1]
    }
  }
#else
  /// Elsewhere the system joins pages by itself, or not at all.
  struct HugePages {
    mutating func forget() {}
    mutating func maintain() {}
  }
#endif
