import Base
public import Raft
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The file `applying`: a page that is mapped into memory, so that what is written there before an
/// entry is applied is there after the process has died of it. It costs two stores an entry, and
/// is never synced: evidence about processes need not survive the machine.
///
/// Words of 64 bits in the machine's order: magic, the index being applied, its complement, then
/// `notes` and their CRC-32C. A page that does not add up is as good as none.
public final class ApplyMark: @unchecked Sendable {
  /// What the member keeps in the page for the next start, besides the index.
  public struct Notes: Hashable, Sendable {
    public var suspect: LogIndex
    public var deaths: UInt64
    public var build: UInt64

    public init(suspect: LogIndex, deaths: UInt64, build: UInt64) {
      self.suspect = suspect
      self.deaths = deaths
      self.build = build
    }
  }

  private static let magic: UInt64 = 0x515f_4150_504c_5931  // "Q_APPLY1"
  private static let bytes = 4096
  // Atomic, so that no store is left out or moved behind what it announces.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  /// Maps the file, which is made if there is none.
  ///
  /// *Throws* `unwritable`, `full` or `failed`.
  public init(in directory: String) throws(StorageError) {
    let path = directory + "/applying"
    // Room on the disk is taken now: a store into a page without any would end the process.
    try POSIXFileSystem().open(path).allocate(Self.bytes)
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unwritable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    let page = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let page, page != MAP_FAILED else {
      throw .failed(file: path, action: "map", reason: String(cString: strerror(errno)))
    }
    words = page.bindMemory(
      to: Atomic<UInt64>.self, capacity: Self.bytes / MemoryLayout<UInt64>.size)
  }

  deinit { munmap(words, Self.bytes) }

  /// The entry that is being applied; zero: none, or not to be told.
  public var applying: LogIndex {
    get {
      let index = words[1].load(ordering: .acquiring)
      guard words[0].load(ordering: .relaxed) == Self.magic,
        words[2].load(ordering: .relaxed) == ~index
      else { return .zero }
      return LogIndex(index)
    }
    set {
      words[1].store(newValue.number, ordering: .releasing)
      words[2].store(~newValue.number, ordering: .releasing)
    }
  }

  /// `nil`: none were written, or they are damaged.
  public var notes: Notes? {
    let values = (3..<6).map { words[$0].load(ordering: .relaxed) }
    guard words[0].load(ordering: .relaxed) == Self.magic,
      words[6].load(ordering: .relaxed) == Self.checksum(values)
    else { return nil }
    return Notes(suspect: LogIndex(values[0]), deaths: values[1], build: values[2])
  }

  /// Writes the notes, and that no entry is being applied.
  public func begin(_ notes: Notes) {
    applying = .zero
    let values = [notes.suspect.number, notes.deaths, notes.build]
    for (place, value) in values.enumerated() {
      words[3 + place].store(value, ordering: .relaxed)
    }
    words[6].store(Self.checksum(values), ordering: .relaxed)
    words[0].store(Self.magic, ordering: .releasing)
  }

  private static func checksum(_ values: [UInt64]) -> UInt64 {
    var bytes: [UInt8] = []
    for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    return UInt64(CRC32C.checksum(of: bytes))
  }
}
