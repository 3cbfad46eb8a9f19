/// Who waits for a command: a slot in one boot of one member.
public struct CommandOrigin: Hashable, Sendable {
  public var member: UInt64
  public var boot: UInt64
  public var sequence: UInt64

  /// Of a command that the leader gives itself.
  public static let nobody = CommandOrigin(member: 0, boot: 0, sequence: 0)

  public init(member: UInt64, boot: UInt64, sequence: UInt64) {
    self.member = member
    self.boot = boot
    self.sequence = sequence
  }
}

/// What a log entry carries: a command and who waits for it. Its encoding is versioned; an
/// unknown version stops the member before it applies.
public struct CommandEnvelope: Hashable, Sendable {
  public var origin: CommandOrigin
  public var command: Command

  public init(origin: CommandOrigin, command: Command) {
    self.origin = origin
    self.command = command
  }
}
