import Raft

/// Log Matching: an (index, term) names one content and one predecessor, on all members and for
/// ever (Raft Figure 3, §5.3).
struct LogMatching {
  private struct Slot {
    var content: Entry.Content
    var previous: EntryID
  }

  private var slots: [EntryID: Slot] = [:]

  /// The entries are about to be written after `previous`; `nil`: that one was cut away.
  mutating func violation(entries: [Entry], after previous: EntryID?) -> String? {
    var previous = previous
    for entry in entries {
      defer { previous = entry.id }
      guard let known = slots[entry.id] else {
        if let previous { slots[entry.id] = Slot(content: entry.content, previous: previous) }
        continue
      }
      let place = "entry \(entry.index.number) of term \(entry.term.number)"
      if known.content != entry.content { return "\(place) has two contents" }
      if let previous, known.previous != previous {
        return "\(place) follows term \(known.previous.term.number) on one member and term "
          + "\(previous.term.number) on another"
      }
    }
    return nil
  }
}
