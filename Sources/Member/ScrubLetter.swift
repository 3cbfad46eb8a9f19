public import Base
public import KeyValue

/// What the scrub lane is told.
public enum ScrubLetter<Reader>: Sendable {
  /// The apply lane's answer to a question.
  case answer(BlockAnswer)
  /// Another generation is read from now on.
  case adopt(TransferBox<Reader>)
}

/// What one turn of the scrub lane brings about elsewhere.
public struct ScrubOutput {
  /// For the apply lane, which answers with a letter.
  public var question: (number: Int64, question: BlockQuestion)?
  /// For the replica: rows of these revisions are not what was written. Told once.
  public var damaged: ClosedRange<Int64>?
  /// When the lane wants its next turn, if no letter comes before.
  public var wakeAt = Instant.distantFuture
  /// The disk has failed and the member ends; `nil`: it goes on.
  public var fault: (any Error)?

  public init() {}
}

/// The table, as the scrub lane reaches it.
public protocol ScrubPorts {
  /// What a generation is read with.
  associatedtype Reader

  /// The first rows with numbers from `number` on, in order, in one short transaction; `nil`: one
  /// of them does not prove itself.
  mutating func inspect(from number: RowNumber, limit: Int) throws -> [Row]?
  /// Closes the reader of the generation before.
  mutating func adopt(_ reader: Reader)
}
