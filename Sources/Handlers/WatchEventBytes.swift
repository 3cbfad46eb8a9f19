import Host
import KeyValue
import Member
import Services

/// The events of one batch or piece as bytes, each made when it is first needed and used for all
/// who watch it.
struct WatchEventBytes {
  let header: AnswerHeader
  private let changes: WatchChanges
  private var plain: [[UInt8]?]
  private var withPrevious: [[UInt8]?]

  init(of changes: WatchChanges, header: AnswerHeader) {
    self.changes = changes
    self.header = header
    plain = Array(repeating: nil, count: changes.count)
    withPrevious = plain
  }

  /// `nil`: the pair before one of the changes is not in memory. `published`: shows where those
  /// pairs are looked up.
  mutating func events(_ events: WatchEvents, _ published: PublishedState) -> [[UInt8]]? {
    var bytes: [[UInt8]] = []
    bytes.reserveCapacity(events.positions.count)
    for position in events.positions {
      guard let event = event(position, events.previousPairs, published) else { return nil }
      bytes.append(event)
    }
    return bytes
  }

  private mutating func event(
    _ position: Int, _ wantsPrevious: Bool, _ published: PublishedState
  ) -> [UInt8]? {
    guard wantsPrevious else {
      if let known = plain[position] { return known }
      let event = WatchAnswer.event(changes.row(at: position), previous: nil)
      plain[position] = event
      return event
    }
    if let known = withPrevious[position] { return known }
    guard let change = changes.changeWithPrevious(at: position, view: { published.readView }) else {
      return nil
    }
    let event = WatchAnswer.event(change.row, previous: change.previous)
    withPrevious[position] = event
    return event
  }
}
