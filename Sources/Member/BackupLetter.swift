public import Base

/// What the backup lane is told. The number is the client's call, and no two calls share one.
public enum BackupLetter<Source>: Sendable {
  /// A client asks for a copy of the store.
  case ask(UInt64)
  /// The state that this call is to be given; `nil`: the table is being replaced just now.
  case opened(UInt64, TransferBox<Source>?)
  /// The client takes messages again.
  case writable(UInt64)
  /// The client has gone away.
  case gone(UInt64)
}

/// How a call for a backup ends.
public enum BackupEnd: Hashable, Sendable {
  /// Every message was taken.
  case complete
  /// As many backups as may be are under way.
  case tooMany
  /// The table is being replaced by a snapshot; the client may ask again.
  case moved
  /// The state was not opened in time.
  case notOpened
  /// `freeBytes` of the `neededBytes` that a copy takes are left on the disk.
  case noRoom(freeBytes: UInt64, neededBytes: UInt64)
  /// The copy could not be made or read. Nothing of the member has changed.
  case copyFailed(reason: String)
  /// The client took nothing for too long while a message waited for it.
  case stalled
  /// The member stops.
  case stopped
}

/// The bounds of backups (Docs/Limits.md).
public struct BackupSettings: Hashable, Sendable {
  /// Backups under way at a time: each is a copy of the store on the disk.
  public var limit = 2
  /// How long a call waits for the state to be opened: what was applied must reach the table first.
  public var openingLimit = Duration.seconds(60)
  /// How long a message may wait for the client before the copy is taken away.
  public var stallLimit = Duration.seconds(60)
  /// Messages of one backup in a turn; the other backups are next.
  public var turnMessages = 32
  /// Bytes that must stay free beside the copy.
  public var sparedBytes: UInt64 = 64 << 20

  public init() {}
}

/// What one turn of the backup lane brings about elsewhere.
public struct BackupOutput: Sendable {
  /// Calls for which the apply lane is asked to open the state.
  public var openings: [UInt64] = []
  /// Sources closed in this turn: the apply lane removes no rows while one is open.
  public var closedSources = 0
  /// When the lane wants its next turn, if no letter comes before.
  public var wakeAt = Instant.distantFuture

  public init() {}
}

/// The disk and the clients, as the backup lane reaches them.
public protocol BackupPorts {
  /// A state that is read.
  associatedtype Source
  /// A file that is written, then read.
  associatedtype Copy
  associatedtype Message

  /// Bytes that a copy of the store takes, approximately.
  var copyBytes: UInt64 { get }
  mutating func freeBytes() throws(BackupFault) -> UInt64

  /// A file that no other call shares. *Throws* when it cannot be made; nothing is left of it then.
  mutating func makeCopy(_ call: UInt64, of source: Source) throws(BackupFault) -> Copy
  /// Writes the next piece of bounded size; true: the copy is complete and can be read.
  mutating func write(_ copy: inout Copy, from source: Source) throws(BackupFault) -> Bool
  /// The next message for the client; `nil`: that was all.
  mutating func next(of copy: inout Copy) throws(BackupFault) -> Message?
  /// Removes the file, complete or not.
  mutating func remove(_ copy: Copy)
  /// Lets go of the state. It is called once for each source.
  mutating func close(_ source: Source)

  /// False: the client does not take it now. A letter says when it does, or that it is gone.
  mutating func send(_ message: Message, on call: UInt64) -> Bool
  mutating func end(_ call: UInt64, _ end: BackupEnd)
}

/// Why a port did not do what it was asked.
public enum BackupFault: Error, Hashable, Sendable {
  /// The copy cannot be made or read. Nothing of the member has changed.
  case copy(reason: String)
  /// The member's own files have failed, and the host ends the member.
  case disk
}
