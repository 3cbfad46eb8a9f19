/// Tells a torn tail from damage in a WAL that SQLite would silently cut at the first bad frame
/// (https://www.sqlite.org/walformat.html §2).
///
/// Every commit of `raft.db` is synced before the next begins, so a power loss can leave a break
/// followed by at most one commit. More than that was once whole.
enum WALScan {
  static let headerLength = 32
  static let frameHeaderLength = 24

  /// What lies in a WAL, in the order of its frames.
  enum Verdict: Hashable {
    /// Nothing that SQLite would not find.
    case sound
    /// An unfinished end: SQLite may cut it.
    case torn
    /// Bytes that were durable have changed; `offset`: where the first bad frame begins.
    case damaged(offset: Int)
  }

  /// `pageSize`: of the database file.
  static func verdict(on wal: [UInt8], pageSize: Int) -> Verdict {
    guard wal.count > headerLength else { return .sound }
    return wal.withUnsafeBytes { verdict(on: $0, pageSize) }
  }

  private static func verdict(on wal: UnsafeRawBufferPointer, _ pageSize: Int) -> Verdict {
    let header = Header(wal, pageSize)
    let frameLength = frameHeaderLength + pageSize
    let frameCount = (wal.count - headerLength) / frameLength
    guard header.isSound else {
      // One that was once sound and had frames: they still follow from one of its checksums.
      let follows = [true, false].contains { isBigEndian in
        [header.stored, Sums(of: wal, upTo: 24, isBigEndian)].contains { seed in
          frameCount > 0
            && Frame(wal, at: 0, header).follows(seed, isBigEndian, checkingSalt: false)
        }
      }
      return follows ? .damaged(offset: 0) : .torn
    }
    var previous = header.stored
    var brokenAt: Int?
    var commitsAfter = 0
    for index in 0..<frameCount {
      let frame = Frame(wal, at: index, header)
      let follows = frame.follows(previous, header.isBigEndian, checkingSalt: true)
      // After a break every frame still follows from the checksum written in the one before it.
      previous = frame.stored
      if brokenAt == nil {
        if !follows { brokenAt = index }
      } else if follows, frame.isCommit {
        commitsAfter += 1
      }
    }
    guard let brokenAt else { return .sound }
    return commitsAfter >= 2
      ? .damaged(offset: headerLength + brokenAt * frameLength) : .torn
  }

  /// Two running 32-bit sums over pairs of words.
  struct Sums: Hashable {
    var first: UInt32
    var second: UInt32

    init(first: UInt32, second: UInt32) {
      self.first = first
      self.second = second
    }

    init(of wal: UnsafeRawBufferPointer, upTo end: Int, _ isBigEndian: Bool) {
      self.init(first: 0, second: 0)
      add(UnsafeRawBufferPointer(rebasing: wal[0..<end]), isBigEndian)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer, _ isBigEndian: Bool) {
      for offset in stride(from: 0, to: bytes.count, by: 8) {
        let one = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        let two = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
        first &+= (isBigEndian ? one.bigEndian : one.littleEndian) &+ second
        second &+= (isBigEndian ? two.bigEndian : two.littleEndian) &+ first
      }
    }
  }

  private struct Header {
    let isBigEndian: Bool
    let hasMagic: Bool
    let salt: UInt64
    let stored: Sums
    let computed: Sums
    let pageSize: Int

    var isSound: Bool { hasMagic && stored == computed }

    init(_ wal: UnsafeRawBufferPointer, _ pageSize: Int) {
      self.pageSize = pageSize
      let magic = UInt32(bigEndian: wal.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
      let version = UInt32(bigEndian: wal.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      let page = UInt32(bigEndian: wal.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
      hasMagic =
        magic & ~1 == 0x377F_0682 && version == 3_007_000
        && page == UInt32(pageSize)
      isBigEndian = magic & 1 == 1
      salt = wal.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
      stored = Sums(
        first: UInt32(bigEndian: wal.loadUnaligned(fromByteOffset: 24, as: UInt32.self)),
        second: UInt32(bigEndian: wal.loadUnaligned(fromByteOffset: 28, as: UInt32.self)))
      computed = Sums(of: wal, upTo: 24, isBigEndian)
    }
  }

  private struct Frame {
    let isCommit: Bool
    let stored: Sums
    private let hasSalt: Bool
    private let head: UnsafeRawBufferPointer
    private let page: UnsafeRawBufferPointer

    init(_ wal: UnsafeRawBufferPointer, at index: Int, _ header: Header) {
      let start = headerLength + index * (frameHeaderLength + header.pageSize)
      let end = start + frameHeaderLength + header.pageSize
      isCommit = wal.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self) != 0
      hasSalt = wal.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self) == header.salt
      stored = Sums(
        first: UInt32(
          bigEndian: wal.loadUnaligned(fromByteOffset: start + 16, as: UInt32.self)),
        second: UInt32(
          bigEndian: wal.loadUnaligned(fromByteOffset: start + 20, as: UInt32.self)))
      head = UnsafeRawBufferPointer(rebasing: wal[start..<start + 8])
      page = UnsafeRawBufferPointer(rebasing: wal[start + frameHeaderLength..<end])
    }

    func follows(_ previous: Sums, _ isBigEndian: Bool, checkingSalt: Bool) -> Bool {
      guard hasSalt || !checkingSalt else { return false }
      var sums = previous
      sums.add(head, isBigEndian)
      sums.add(page, isBigEndian)
      return sums == stored
    }
  }
}
