/// The bytes of what an entry asks of the store's upkeep (Docs/WireFormat.md).
private enum Tag {
  static let raise: UInt8 = 1
  static let lower: UInt8 = 2
  static let mark: UInt8 = 3
}

extension ByteWriter {
  mutating func upkeep(_ command: UpkeepCommand) {
    switch command {
    case .raise(let alarm):
      byte(Tag.raise)
      self.alarm(alarm)
    case .lower(let alarm):
      byte(Tag.lower)
      self.alarm(alarm)
    case .mark: byte(Tag.mark)
    }
  }

  private mutating func alarm(_ alarm: Alarm) {
    byte(alarm.kind.rawValue)
    number(alarm.member)
  }
}

extension ByteReader {
  mutating func upkeepCommand() throws(MalformedBytes) -> UpkeepCommand {
    switch try byte() {
    case Tag.raise: return .raise(try alarm())
    case Tag.lower: return .lower(try alarm())
    case Tag.mark: return .mark
    default: throw MalformedBytes()
    }
  }

  private mutating func alarm() throws(MalformedBytes) -> Alarm {
    guard let kind = AlarmKind(rawValue: try byte()) else { throw MalformedBytes() }
    return Alarm(member: try number(), kind: kind)
  }
}
