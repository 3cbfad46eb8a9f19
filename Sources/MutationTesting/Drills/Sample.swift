import FaultyStorage
import KeyValue
import Raft
import Storage

/// Short words for what the drills write.
enum Sample {
  static let claim = Claim(cluster: 0xC0FFEE, member: MemberID(1), name: "m1")

  static let configuration = Configuration(
    members: (1...3).map { number in
      Configuration.Member(
        id: MemberID(number), incarnation: Incarnation(number), role: .voter,
        name: "m\(number)", peerURLs: ["http://m\(number):2380"])
    })

  static let formation = Formation(base: base(0, 0), founding: .unknown)

  static func base(_ term: UInt64, _ index: UInt64) -> LogBase {
    LogBase(
      last: EntryID(term: Term(term), index: LogIndex(index)), configuration: configuration)
  }

  /// The command of the entry at `index`, a put of about `bytes`.
  static func command(_ index: UInt64, bytes: Int) -> Command {
    .put(
      PutRequest(
        key: Array("key \(index % 5)".utf8),
        value: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: bytes)))
  }

  static func entries(
    _ term: UInt64, _ range: ClosedRange<UInt64>, bytes: Int = 40
  ) -> [Entry] {
    range.map { index in
      let origin = CommandOrigin(member: 1, boot: 1, sequence: index)
      let envelope = CommandEnvelope(origin: origin, command: command(index, bytes: bytes))
      return Entry(
        id: EntryID(term: Term(term), index: LogIndex(index)),
        content: .command(envelope.encoded()))
    }
  }

  static func write(
    _ entries: [Entry] = [], state: HardState? = nil, cut: LogBase? = nil,
    install: LogBase? = nil
  ) -> StorageWrite {
    var write = StorageWrite(ticket: WriteTicket(1))
    write.entries = entries
    write.hardState = state
    write.cut = cut
    write.install = install
    return write
  }

  static func term(_ term: UInt64, vote: UInt64? = nil) -> HardState {
    HardState(currentTerm: Term(term), votedFor: vote.map { MemberID($0) })
  }

  /// Small files, so that checkpoints and resets come often.
  static let settings: StorageSettings = {
    var settings = StorageSettings()
    settings.checkpointPages = 6
    settings.segmentBytes = 16_384
    settings.reserveBytes = 8_192
    return settings
  }()

  static func directory(
    on disk: MemoryDisk, _ settings: StorageSettings = settings
  ) throws(StorageError) -> DataDirectory {
    try DataDirectory(at: "/m", as: claim, settings: settings, on: disk) { Incarnation(9) }
  }
}
