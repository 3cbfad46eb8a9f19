/// Where rows that memory no longer holds are read from.
public protocol RowReading {
  /// The rows with these numbers, in the same order. Every number was handed to the flusher
  /// before and is not compacted as long as a live read view needs it.
  ///
  /// *Throws* when the world fails (a disk, a checksum): the member stops.
  func rows(numbered numbers: [RowNumber]) throws -> [Row]

  /// Shows `body` the rows with these numbers, in the same order. The bytes of key and value are
  /// good until it returns.
  ///
  /// *Throws* as `rows(numbered:)`, perhaps after some rows were shown.
  func visit(numbered numbers: [RowNumber], _ body: RowVisitor) throws
}

/// Is shown a row: its numbers, its key, its value.
public typealias RowVisitor = (RowHead, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void

extension RowReading {
  public func visit(numbered numbers: [RowNumber], _ body: RowVisitor) throws {
    for row in try rows(numbered: numbers) { row.show(body) }
  }
}

extension Row {
  /// Shows `body` the row as a table would.
  public func show(_ body: RowVisitor) {
    key.withUnsafeBytes { key in value.withUnsafeBytes { value in body(head, key, value) } }
  }
}
