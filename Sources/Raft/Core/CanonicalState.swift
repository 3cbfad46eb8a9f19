package import Base

/// A value as words, with the members under other names: what an explorer of all states compares,
/// so that states that differ only in who is who count once.
///
/// Different values have different words under the same names. Nothing is stored or sent in
/// this form.
package struct CanonicalState {
  /// The name of member `m` is `names[m - 1]`.
  private let names: [MemberID]
  package private(set) var words: [UInt64] = []

  /// *Precondition*: members are counted from one, and `names` permutes all of them.
  package init(names: [MemberID]) {
    demand(
      names.map(\.number).sorted() == Array(1...UInt64(names.count)), "\(names) is no permutation")
    self.names = names
  }

  package func name(of member: MemberID) -> MemberID { names[Int(member.number) - 1] }

  // MARK: Words

  package mutating func add(_ number: UInt64) { words.append(number) }

  package mutating func add(_ count: Int) { words.append(UInt64(bitPattern: Int64(count))) }

  package mutating func add(_ index: LogIndex) { words.append(index.number) }

  package mutating func add(_ term: Term) { words.append(term.number) }

  /// Zero is nobody.
  package mutating func add(_ member: MemberID?) {
    words.append(member.map { name(of: $0).number } ?? 0)
  }

  /// Up to 64 answers, in this order.
  package mutating func add(_ answers: [Bool]) {
    words.append(answers.reduce(1) { $0 << 1 | ($1 ? 1 : 0) })
  }

  package mutating func add(_ instant: Instant?) {
    add(instant.map { UInt64(bitPattern: $0.nanoseconds) } ?? .max)
  }

  // MARK: Raft's words

  package mutating func add(_ id: EntryID) {
    add(id.term)
    add(id.index)
  }

  package mutating func add(_ state: HardState) {
    add(state.currentTerm)
    add(state.votedFor)
  }

  mutating func add(_ indices: [LogIndex]) {
    add(indices.count)
    for index in indices { add(index) }
  }

  /// In the order of their new names.
  mutating func add(set members: [MemberID]) {
    add(members.reduce(UInt64(0)) { $0 | 1 << name(of: $1).number })
  }

  package mutating func add(_ base: LogBase?) {
    guard let base else { return add(0) }
    add(1)
    add(base.last)
    add(base.configuration)
  }

  package mutating func add(_ configuration: Configuration) {
    add(configuration.members.count)
    for member in configuration.members.sorted(by: { name(of: $0.id) < name(of: $1.id) }) {
      add(member.id)
      add(member.incarnation.number)
      add(UInt64(member.role.rawValue))
      add(bytes: Array(member.name.utf8))
      add(member.peerURLs.count)
      for url in member.peerURLs { add(bytes: Array(url.utf8)) }
      add(member.prospect)
      add(member.clientURLs.count)
      for url in member.clientURLs { add(bytes: Array(url.utf8)) }
    }
  }

  private mutating func add(_ prospect: Configuration.Prospect) {
    switch prospect {
    case .none: add(0)
    case .voter: add(1)
    case .spare(after: let delay):
      add(2)
      add(UInt64(bitPattern: delay.nanoseconds))
    case .successor(of: let member):
      add(3)
      add(member)
    }
  }

  package mutating func add(_ entries: [Entry]) {
    add(entries.count)
    for entry in entries {
      add(entry.id)
      switch entry.content {
      case .noop: add(0)
      case .configuration(let configuration):
        add(1)
        add(configuration)
      case .command(let bytes):
        add(2)
        add(bytes: bytes)
      }
    }
  }

  mutating func add(bytes: [UInt8]) {
    add(bytes.count)
    for byte in bytes { add(UInt64(byte)) }
  }
}
