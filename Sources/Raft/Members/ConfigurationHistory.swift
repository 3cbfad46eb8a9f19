/// The configurations along the log: the one in force is the last that was appended, committed or
/// not, and it goes when its entry is truncated (Raft §6).
struct ConfigurationHistory: Hashable, Sendable {
  private struct Item: Hashable, Sendable {
    var index: LogIndex
    var configuration: Configuration
  }

  /// The first item is the base's; the others are entries of the log, in order.
  private var items: [Item]
  /// The majorities of the configuration in force.
  private(set) var quorum: Quorum

  init(base: LogBase) {
    items = [Item(index: base.last.index, configuration: base.configuration)]
    quorum = Quorum(base.configuration)
  }

  /// The configuration in force at the base of the log.
  var base: Configuration { items[0].configuration }

  var current: Configuration { items[items.count - 1].configuration }

  var currentIndex: LogIndex { items[items.count - 1].index }

  /// The configuration in force at `index`. *Precondition*: not before the base.
  func configuration(at index: LogIndex) -> Configuration {
    guard let item = items.last(where: { $0.index <= index }) else {
      fatalError("the configuration at \(index.number) was cut")
    }
    return item.configuration
  }

  /// Whether the member votes in any configuration that may be the committed one, if everything up
  /// to `commitIndex` is.
  func mayVote(_ member: MemberID, committed commitIndex: LogIndex) -> Bool {
    for item in items.reversed() {
      if item.configuration.isVoter(member) { return true }
      if item.index <= commitIndex { return false }
    }
    return false
  }

  /// Whoever is a member in any configuration that may be the committed one, if everything up to
  /// `commitIndex` is; as the latest of them has it, sorted by id. An uncommitted removal may still
  /// be taken back.
  func possibleMembers(committed commitIndex: LogIndex) -> [Configuration.Member] {
    var members: [Configuration.Member] = []
    for item in items.reversed() {
      for member in item.configuration.members
      where !members.contains(where: { $0.id == member.id }) {
        members.append(member)
      }
      if item.index <= commitIndex { break }
    }
    return members.sorted { $0.id < $1.id }
  }

  /// Whoever is a member, or was one at the base of the log or since.
  var everyMember: Set<MemberID> {
    Set(items.flatMap { $0.configuration.members.map(\.id) })
  }

  /// Where the last configuration up to `commitIndex` stands.
  func committedIndex(_ commitIndex: LogIndex) -> LogIndex {
    items.last { $0.index <= commitIndex }?.index ?? items[0].index
  }

  /// Whether the member was one with this data directory, and is none any more, by what is
  /// committed. A log that is replayed from before the directory was bound proves nothing.
  func wasRemoved(
    _ member: MemberID, _ incarnation: Incarnation, committed commitIndex: LogIndex
  ) -> Bool {
    let committed = items.filter { $0.index <= commitIndex }
    guard let last = committed.last, last.configuration[member]?.incarnation != incarnation else {
      return false
    }
    return committed.contains { $0.configuration[member]?.incarnation == incarnation }
  }

  /// Notes the entry if it carries a configuration; says whether it does.
  @discardableResult
  mutating func append(_ entry: Entry) -> Bool {
    guard case .configuration(let configuration) = entry.content else { return false }
    items.append(Item(index: entry.index, configuration: configuration))
    quorum = Quorum(configuration)
    return true
  }

  /// Forgets what lay after `index`; says whether the configuration in force is another one now.
  mutating func truncate(after index: LogIndex) -> Bool {
    let count = items.count
    while items.count > 1, items[items.count - 1].index > index { items.removeLast() }
    guard items.count < count else { return false }
    quorum = Quorum(current)
    return true
  }

  /// Makes the configuration in force at `index` the base's.
  mutating func cut(through index: LogIndex) {
    let base = Item(index: index, configuration: configuration(at: index))
    items.removeAll { $0.index <= index }
    items.insert(base, at: 0)
  }

  /// Makes a snapshot's configuration the base's and keeps those after it.
  mutating func rebase(onto base: LogBase) {
    items.removeAll { $0.index <= base.last.index }
    items.insert(Item(index: base.last.index, configuration: base.configuration), at: 0)
    quorum = Quorum(current)
  }
}
