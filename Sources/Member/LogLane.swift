import Raft

/// The lane that writes the log: what waits goes in one commit, first in, first out.
///
/// After the disk has refused anything the lane does nothing more, and tells nothing: whatever was
/// under way then may be on the disk or not (Docs/Storage.md, *Errors are kept*).
public struct LogLane<Ports: LogPorts> {
  private var isShortOfSpace = false
  private var hasFailed = false
  /// Of one commit; empty between turns, kept for its memory.
  private var writes: [StorageWrite] = []

  public init() {}

  /// Does the next piece of a batch and takes it off the front: as many writes as one commit takes,
  /// or one other letter; once nothing is left, the house-keeping. What a turn reports leaves
  /// before the next, which may take long. False: the batch is done.
  public mutating func turn(
    _ batch: inout ArraySlice<LogLetter>, ports: inout Ports,
    out: inout LogLaneOutput<Ports.State>
  ) -> Bool {
    guard !hasFailed else {
      batch = []
      return false
    }
    do throws(LogFault) {
      return try work(&batch, &ports, &out)
    } catch {
      hasFailed = true
      batch = []
      return false
    }
  }

  private mutating func work(
    _ batch: inout ArraySlice<LogLetter>, _ ports: inout Ports,
    _ out: inout LogLaneOutput<Ports.State>
  ) throws(LogFault) -> Bool {
    guard let first = batch.first else {
      try ports.maintain()
      return false
    }
    switch first {
    case .write:
      try commit(&batch, &ports, &out)
      return true
    case .fetch(let fetch): out.reports.append(.fetched(fetch, try ports.entries(fetch)))
    case .form(let formation):
      try ports.form(formation)
      out.reports.append(.formed(formation))
    case .openState(let base):
      out.opened.append(OpenedState(base: base, state: TransferBox(try ports.openState())))
    case .removeGenerations(before: let generation):
      try ports.removeGenerations(before: generation)
    case .retire:
      try ports.retire()
      out.reports.append(.retired)
    case .lookAtSpace:
      let isShort = try ports.isShortOfSpace()
      if isShort != isShortOfSpace { out.reports.append(.spaceShort(isShort)) }
      isShortOfSpace = isShort
    }
    batch.removeFirst()
    return true
  }

  /// Commits the writes at the front of the batch: nothing is told of any before all are durable.
  private mutating func commit(
    _ batch: inout ArraySlice<LogLetter>, _ ports: inout Ports,
    _ out: inout LogLaneOutput<Ports.State>
  ) throws(LogFault) {
    while case .write(let write)? = batch.first {
      // A commit can install one snapshot, over a log that is durable by then.
      if write.install != nil && !writes.isEmpty { break }
      writes.append(write)
      batch.removeFirst()
    }
    guard let last = writes.last?.ticket else { preconditionFailure("a commit of no writes") }
    try ports.commit(writes)
    writes.removeAll(keepingCapacity: true)
    out.reports.append(.stored(last))
  }
}
