#if os(Linux)
  import Foundation
  import Glibc
  import Testing

  @testable import Host

  @Suite("Large pages for a large heap", .serialized)
  struct HugePagesTests {
    @Test(
      arguments: [
        ("7f2a98000000-7f2a9a21b000 rw-p 00000000 00:00 0 \n", 0x7f2a_9800_0000..<0x7f2a_9a21_b000),
        (
          "55d0c3a01000-55d0c5a22000 rw-p 00000000 00:00 0    [heap]",
          0x55d0_c3a0_1000..<0x55d0_c5a2_2000
        ),
      ] as [(String, Range<UInt>)])
    func `an arena is known by its name or its place`(line: String, mapping: Range<UInt>) {
      #expect(HugePages.mapping(line) == mapping)
    }

    @Test(arguments: [
      // Not at a multiple of 64 MiB, as the stack of a thread.
      "7f2a99000000-7f2a9a21b000 rw-p 00000000 00:00 0 ",
      // What an arena has not used yet.
      "7f2a98000000-7f2a9a21b000 ---p 00000000 00:00 0 ",
      // A file.
      "7f2a98000000-7f2a9a21b000 rw-p 00000000 fe:00 71 /data/state-1.db",
      "7ffd1c000000-7ffd1c021000 rw-p 00000000 00:00 0 [stack]",
      // A sanitizer's shadow of the whole address space.
      "100000000000-200000000000 rw-p 00000000 00:00 0 ",
      "", "7f2a98000000 rw-p 00000000 00:00 0", "x-y rw-p 00000000 00:00 0",
    ])
    func `nothing else is touched`(line: String) {
      #expect(HugePages.mapping(line) == nil)
    }

    /// A piece of memory as an arena is: it begins at a multiple of 64 MiB. What cannot be written
    /// lies before and behind it, so that it is no part of another one.
    private func withArena(_ body: (UnsafeMutableRawPointer) throws -> Void) throws {
      let size = 64 << 20
      let length = 2 * size + 8_192
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
      let place = try #require(mmap(nil, length, PROT_READ | PROT_WRITE, flags, -1, 0))
      defer { munmap(place, length) }
      let next = (UInt(bitPattern: place) + UInt(size + 4_095)) / UInt(size) * UInt(size)
      let start = try #require(UnsafeMutableRawPointer(bitPattern: next))
      #expect(mprotect(place, start - place, PROT_NONE) == 0)
      #expect(mprotect(place + length - 4_096, 4_096, PROT_NONE) == 0)
      try body(start)
    }

    private func largeKilobytes(at address: UnsafeMutableRawPointer) throws -> Int {
      // `String(contentsOfFile:)` takes the first page of such a file for all of it.
      let smaps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
      let text = String(decoding: try smaps.readToEnd() ?? Data(), as: UTF8.self)
      let start = String(UInt(bitPattern: address), radix: 16)
      let mapping = try #require(text.range(of: "\n\(start)-"))
      let line = try #require(
        text[mapping.upperBound...].split(separator: "\n").first { $0.hasPrefix("AnonHugePages:") })
      return try #require(Int(line.filter(\.isNumber)))
    }

    @Test func `what is full is joined, what is almost empty is not`() throws {
      try withArena { start in
        let page = Int(HugePages.pageBytes)
        // Two full ones, one with a single small page, one full again.
        memset(start, 1, 2 * page)
        (start + 2 * page).storeBytes(of: 1, as: UInt8.self)
        memset(start + 3 * page, 1, page)
        var pages = HugePages()
        // Others of this process have their turn as well.
        for _ in 0..<100 where !pages.isRefused {
          pages.maintain()
          if try largeKilobytes(at: start) >= 3 * page / 1_024 { break }
        }
        // A kernel before 6.1.
        guard !pages.isRefused else { return }
        let joined = try largeKilobytes(at: start)
        #expect(joined == 3 * page / 1_024)
        #expect(start.load(as: UInt8.self) == 1)
        #expect((start + 4 * page - 1).load(as: UInt8.self) == 1)
      }
    }
  }
#endif
