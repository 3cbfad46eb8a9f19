import Host
import KeyValue
import Services

/// The events of one batch or piece as bytes, each made when it is first needed and used for all
/// who watch it.
struct WatchEventBytes {
  enum Source {
    case nothing
    case batch(ChangeBatch)
    case piece(ChangePiece)
  }

  private let source: Source
  /// Where the pairs before the changes of a batch are looked up.
  private let root: () -> Root?
  private var plain: [[UInt8]?]
  private var withPrevious: [[UInt8]?]

  init(_ source: Source, root: @escaping () -> Root?) {
    self.source = source
    self.root = root
    let count =
      switch source {
      case .nothing: 0
      case .batch(let batch): batch.changes.count
      case .piece(let piece): piece.changes.count
      }
    plain = Array(repeating: nil, count: count)
    withPrevious = plain
  }

  /// `nil`: the pair before one of the changes is not in memory.
  mutating func events(_ events: WatchEvents) -> [[UInt8]]? {
    var bytes: [[UInt8]] = []
    bytes.reserveCapacity(events.positions.count)
    for position in events.positions {
      guard let event = event(position, events.previousPairs) else { return nil }
      bytes.append(event)
    }
    return bytes
  }

  private mutating func event(_ position: Int, _ wantsPrevious: Bool) -> [UInt8]? {
    if let known = wantsPrevious ? withPrevious[position] : plain[position] { return known }
    guard wantsPrevious else {
      let event = WatchAnswer.event(row(position), previous: nil)
      plain[position] = event
      return event
    }
    let previous: Row?
    switch source {
    case .nothing: preconditionFailure("events of nothing")
    case .piece(let piece): previous = piece.changes[position].previous
    case .batch(let batch):
      let number = batch.changes[position].previous
      previous = number == 0 ? nil : root()?.row(number)
      if number != 0 && previous == nil { return nil }
    }
    let event = WatchAnswer.event(row(position), previous: previous)
    withPrevious[position] = event
    return event
  }

  private func row(_ position: Int) -> Row {
    switch source {
    case .nothing: preconditionFailure("events of nothing")
    case .batch(let batch): batch.changes[position].row
    case .piece(let piece): piece.changes[position].row
    }
  }
}
