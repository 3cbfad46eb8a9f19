public import Raft

/// What the log lane is told.
public enum LogLetter: Sendable {
  case write(StorageWrite)
  /// Read entries that memory no longer holds.
  case fetch(LogFetch)
  /// Store how the log begins.
  case form(Formation)
  /// Open the state of the generation that the log names, for the flush lane: the state machine
  /// moves to the snapshot that ends at this base.
  case openState(LogBase)
  /// The sender, which moves last, has this generation open: none before it is needed any more. A
  /// later one may be installed by now, and those who use this one need its file.
  case removeGenerations(before: UInt64)
  /// This member was removed: no process may start on its directory again.
  case retire
  /// Look how much space is left.
  case lookAtSpace
}

/// What the log lane tells control.
public enum LogReport: Hashable, Sendable {
  /// Every write up to this one is durable.
  case stored(WriteTicket)
  case fetched(LogFetch, [Entry])
  /// How the log begins is on disk.
  case formed(Formation)
  /// Whether little space is left, when that has changed.
  case spaceShort(Bool)
  /// The directory is marked: its member is none any more.
  case retired
}

/// A state for the flush lane to take over in place of its own.
public struct OpenedState<State>: Sendable {
  /// Where the snapshot ends that the state is of.
  public var base: LogBase
  public var state: TransferBox<State>

  public init(base: LogBase, state: TransferBox<State>) {
    self.base = base
    self.state = state
  }
}

/// What one turn of the log lane brings about elsewhere.
public struct LogLaneOutput<State>: Sendable {
  /// For control, in order.
  public var reports: [LogReport] = []
  /// For the flush lane, in order.
  public var opened: [OpenedState<State>] = []

  public init() {}
}

/// The disk, as the log lane reaches it. What throws is never tried again.
public protocol LogPorts {
  /// The state of one generation, open.
  associatedtype State

  /// Makes all of it durable, in order, at once. *Precondition*: at most the first installs a
  /// snapshot.
  mutating func commit(_ writes: [StorageWrite]) throws(LogFault)
  /// Entries from the first asked for; none if that has been cut away.
  mutating func entries(_ fetch: LogFetch) throws(LogFault) -> [Entry]
  mutating func form(_ formation: Formation) throws(LogFault)
  mutating func openState() throws(LogFault) -> State
  mutating func removeGenerations(before generation: UInt64) throws(LogFault)
  mutating func retire() throws(LogFault)
  mutating func isShortOfSpace() throws(LogFault) -> Bool
  /// House-keeping between commits: nobody waits for it.
  mutating func maintain() throws(LogFault)
}

/// Why a port did not do what it was asked.
public enum LogFault: Error, Hashable, Sendable {
  /// The member's disk has failed, and the host ends the member.
  case disk
}
