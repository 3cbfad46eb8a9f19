/// What a command asks of the supervisor: one line of JSON over its socket.
enum Order: Codable, Hashable, Sendable {
  case act(MemberAction, [MemberNumber])
  /// Cuts exactly these links and heals all others.
  case partition(Partition)
  /// Puts members' disks into a condition.
  case disk(DiskOrder, [MemberNumber])
  /// What the supervisor knows of its members.
  case members
  /// End every member and the supervisor.
  case down
}

/// What can be done to a member from outside.
public enum MemberAction: String, Codable, Hashable, Sendable {
  /// End it at once (SIGKILL).
  case kill
  /// Start it from its disk.
  case start
  /// End it in good order (SIGTERM), and start it.
  case restart
  /// Stop it in its tracks (SIGSTOP).
  case pause
  /// Let it go on (SIGCONT).
  case resume
  /// End it at once and remove its directory.
  case wipe
}

/// The order at `/lab/disk` (Docs/LabProtocol.md).
public struct DiskOrder: Codable, Hashable, Sendable {
  public enum Condition: String, Codable, Hashable, Sendable, CaseIterable {
    case sound, slow, full, failing
    case nearlyFull = "nearly-full"
  }

  public var disk: Condition
  /// How much longer each sync of a slow disk takes; `nil` for the others.
  public var milliseconds: Int?

  public init(_ disk: Condition, milliseconds: Int? = nil) {
    self.disk = disk
    self.milliseconds = disk == .slow ? milliseconds ?? 50 : nil
  }
}

/// The supervisor's answer: one line of JSON.
struct OrderReply: Codable, Hashable, Sendable {
  /// What was done, a line each.
  var lines: [String] = []
  var members: [MemberProcess] = []
  /// One sentence; `nil`: obeyed.
  var failure: String?
}

/// A member as its supervisor sees it from outside.
public struct MemberProcess: Codable, Hashable, Sendable {
  public enum State: String, Codable, Hashable, Sendable {
    case running, paused, killed, stopped
  }

  public var number: MemberNumber
  public var name: String
  public var clientURL: String
  public var state: State
  /// Zero: no process.
  public var processID: Int32
  /// Why it does not run: how it ended, and its last line; empty: it runs.
  public var ending: String
}
