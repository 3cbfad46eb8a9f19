import KeyValue
import Raft

/// A command takes effect at most once, and never after its client was told that it does not
/// (Docs/Consistency.md, *Writes*). What was acknowledged is committed.
struct RequestFates {
  private var slotOf: [CommandOrigin: EntryID] = [:]
  private var refused: Set<CommandOrigin> = []

  mutating func violation(applied origin: CommandOrigin, in entry: EntryID) -> String? {
    if let slot = slotOf[origin], slot != entry {
      return "request \(text(origin)) is applied at \(slot.index.number) and again at "
        + "\(entry.index.number)"
    }
    slotOf[origin] = entry
    guard refused.contains(origin) else { return nil }
    return "request \(text(origin)) was refused and takes effect at \(entry.index.number)"
  }

  mutating func violation(refused origin: CommandOrigin) -> String? {
    refused.insert(origin)
    guard let slot = slotOf[origin] else { return nil }
    return "request \(text(origin)) is refused and took effect at \(slot.index.number)"
  }

  func violation(acknowledged origin: CommandOrigin, _ committed: CommittedLog) -> String? {
    guard let slot = slotOf[origin], committed.id(at: slot.index) == slot else {
      return "request \(text(origin)) is acknowledged and not committed"
    }
    return nil
  }

  private func text(_ origin: CommandOrigin) -> String {
    "\(origin.sequence) of boot \(origin.boot) of \(name(MemberID(origin.member)))"
  }
}
