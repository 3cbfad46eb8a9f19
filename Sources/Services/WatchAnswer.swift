public import KeyValue

/// The bytes of an `etcdserverpb.WatchResponse` with events.
///
/// An event is encoded once and its bytes go into the answers of all who watch it: with a hundred
/// watchers that is most of what an event costs.
public struct WatchAnswer: Sendable {
  /// etcd v3rpc/watch.go: an answer of this size is split, for who asked for fragments.
  public static func parts(
    of events: [[UInt8]], limitBytes: Int
  ) -> [ArraySlice<[UInt8]>] {
    var parts: [ArraySlice<[UInt8]>] = []
    var start = 0
    var bytes = 0
    for (place, event) in events.enumerated() {
      if place > start, bytes + event.count >= limitBytes {
        parts.append(events[start..<place])
        start = place
        bytes = 0
      }
      bytes += event.count
    }
    parts.append(events[start...])
    return parts
  }

  /// One event, as the field of a response that it becomes. `previous` `nil`: not told.
  public static func event(_ row: Row, previous: Row?) -> [UInt8] {
    var event = AnswerFields()
    // mvccpb.Event.EventType: a put is zero and left out.
    event.append(field: 1, row.isTombstone)
    event.append(pair: 2, row)
    if let previous { event.append(pair: 3, previous) }
    var field = AnswerFields()
    field.reserve(event.bytes.count + 6)
    field.append(field: 11, event)
    return field.bytes
  }

  /// `events`: as made by `event`. `isFragment`: more of the same revision follow.
  public static func message(
    _ header: AnswerHeader, revision: Int64, watch: Int64, events: ArraySlice<[UInt8]>,
    isFragment: Bool
  ) -> [UInt8] {
    var answer = AnswerFields()
    answer.reserve(events.reduce(64) { $0 + $1.count })
    answer.append(header, revision: revision)
    answer.append(field: 2, watch)
    answer.append(field: 7, isFragment)
    for event in events { answer.append(encoded: event) }
    return answer.bytes
  }
}
