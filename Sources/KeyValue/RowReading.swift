/// Where rows that memory no longer holds are read from.
public protocol RowReading {
  /// The rows with these numbers, in the same order. Every number was handed to the flusher
  /// before and is not compacted as long as a live root needs it.
  ///
  /// *Throws* when the world fails (a disk, a checksum): the member stops.
  func rows(numbered numbers: [RowNumber]) throws -> [Row]
}
