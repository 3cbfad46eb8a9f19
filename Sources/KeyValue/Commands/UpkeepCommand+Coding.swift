import Base

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
      write(Tag.raise)
      self.alarm(alarm)
    case .lower(let alarm):
      write(Tag.lower)
      self.alarm(alarm)
    case .mark: write(Tag.mark)
    }
  }

  private mutating func alarm(_ alarm: Alarm) {
    write(alarm.kind.rawValue)
    write(varint: alarm.member)
  }
}

extension ByteReader {
  mutating func upkeepCommand() throws(CodingError) -> UpkeepCommand {
    switch try readUInt8() {
    case Tag.raise: return .raise(try alarm())
    case Tag.lower: return .lower(try alarm())
    case Tag.mark: return .mark
    default: throw .malformed(field: "upkeep command")
    }
  }

  private mutating func alarm() throws(CodingError) -> Alarm {
    guard let kind = AlarmKind(rawValue: try readUInt8()) else {
      throw .malformed(field: "alarm kind")
    }
    return Alarm(member: try readVarint(), kind: kind)
  }
}
