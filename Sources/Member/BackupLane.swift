public import Base

/// The lane that makes copies of the store for clients and hands them out.
///
/// The state is copied into a file beside it, in short transactions, and the source is closed as
/// soon as the copy is complete: from then on purging continues, however slowly the client reads.
///
/// ```text
///   ask ──▶ opens ──▶ copies ──▶ sends ──▶ complete
///             │ 60 s    │          │ 60 s without a message taken
///             ▼         ▼          ▼
///          not opened   failed     stalled
///                  └ source ┘ open: no rows are purged
/// ```
///
/// Left out: a client that takes a little every minute keeps its copy for as long as that lasts.
public struct BackupLane<Ports: BackupPorts> {
  private struct Backup {
    let call: UInt64
    var phase: Phase
  }

  private enum Phase {
    /// The apply lane was asked to open the state; the call is given up at this instant.
    case opens(until: Instant)
    case copies(Ports.Source, Ports.Copy)
    case sends(Sending)
  }

  /// A complete copy on its way out.
  private struct Sending {
    var copy: Ports.Copy
    /// Read from the copy and not yet taken by the client.
    var message: Ports.Message?
    /// The client has refused `message` and has not asked for it since.
    var isBlocked = false
    /// Since when `message` waits for the client; `nil`: the client owes nothing.
    ///
    /// Set by the turn after the refusal, since a disk may have made the turn of the refusal long.
    var owedSince: Instant?
  }

  private let settings: BackupSettings
  /// In the order in which they were asked for.
  private var backups: [Backup] = []

  public init(settings: BackupSettings) {
    precondition(settings.turnMessages > 0, "a turn without messages never ends a backup")
    self.settings = settings
  }

  /// Backups under way.
  public var count: Int { backups.count }

  /// Takes a batch in, ends what is overdue, and does one piece of work for each backup.
  public mutating func turn(
    _ letters: [BackupLetter<Ports.Source>], at now: Instant, ports: inout Ports,
    out: inout BackupOutput
  ) {
    for letter in letters {
      switch letter {
      case .ask(let call): ask(call, now, &ports, &out)
      case .opened(let call, let source): opened(call, source, &ports, &out)
      case .writable(let call): writable(call)
      case .gone(let call): _ = remove(call, &ports, &out)
      }
    }
    checkDeadlines(now, &ports, &out)
    for backup in backups {
      switch backup.phase {
      case .opens: break
      case .copies(let source, let copy): write(copy, from: source, backup.call, &ports, &out)
      case .sends(let sending):
        if !sending.isBlocked { send(sending, backup.call, &ports, &out) }
      }
    }
    out.wakeAt = backups.reduce(.distantFuture) { min($0, wakeAt($1, now)) }
  }

  /// The last turn: ends every call and lets go of everything.
  public mutating func close(ports: inout Ports, out: inout BackupOutput) {
    for backup in backups { end(backup.call, .stopped, &ports, &out) }
    out.wakeAt = .distantFuture
  }

  // MARK: Calls

  private mutating func ask(
    _ call: UInt64, _ now: Instant, _ ports: inout Ports, _ out: inout BackupOutput
  ) {
    precondition(position(of: call) == nil, "call \(call) asks twice")
    guard backups.count < settings.limit else { return ports.end(call, .tooMany) }
    backups.append(Backup(call: call, phase: .opens(until: now + settings.openingLimit)))
    out.openings.append(call)
  }

  private mutating func opened(
    _ call: UInt64, _ transfer: TransferBox<Ports.Source>?, _ ports: inout Ports,
    _ out: inout BackupOutput
  ) {
    guard let transfer else { return end(call, .moved, &ports, &out) }
    let source = transfer.take()
    // The call may have ended while the state was being opened.
    guard let position = position(of: call) else { return close(source, &ports, &out) }
    guard case .opens = backups[position].phase else {
      preconditionFailure("the state is opened twice for call \(call)")
    }
    do throws(BackupFault) {
      let (free, needed) = (try ports.freeBytes(), ports.copyBytes + settings.sparedBytes)
      if free >= needed {
        backups[position].phase = .copies(source, try ports.makeCopy(call, of: source))
        return
      }
      end(call, .noRoom(freeBytes: free, neededBytes: needed), &ports, &out)
    } catch {
      end(call, BackupEnd(error), &ports, &out)
    }
    close(source, &ports, &out)
  }

  private mutating func writable(_ call: UInt64) {
    guard let position = position(of: call), case .sends(var sending) = backups[position].phase
    else { return }
    sending.isBlocked = false
    backups[position].phase = .sends(sending)
  }

  private mutating func end(
    _ call: UInt64, _ end: BackupEnd, _ ports: inout Ports, _ out: inout BackupOutput
  ) {
    if remove(call, &ports, &out) { ports.end(call, end) }
  }

  /// False: the call has ended before.
  private mutating func remove(
    _ call: UInt64, _ ports: inout Ports, _ out: inout BackupOutput
  ) -> Bool {
    guard let position = position(of: call) else { return false }
    switch backups.remove(at: position).phase {
    case .opens: break
    case .copies(let source, let copy):
      close(source, &ports, &out)
      ports.remove(copy)
    case .sends(let sending): ports.remove(sending.copy)
    }
    return true
  }

  private func close(_ source: Ports.Source, _ ports: inout Ports, _ out: inout BackupOutput) {
    ports.close(source)
    out.closedSources += 1
  }

  private func position(of call: UInt64) -> Int? { backups.firstIndex { $0.call == call } }

  // MARK: Time

  private mutating func checkDeadlines(
    _ now: Instant, _ ports: inout Ports, _ out: inout BackupOutput
  ) {
    for backup in backups {
      switch backup.phase {
      case .opens(until: let deadline):
        if deadline <= now { end(backup.call, .notOpened, &ports, &out) }
      case .copies: break
      case .sends(var sending):
        guard sending.isBlocked else { continue }
        let since = sending.owedSince ?? now
        if since + settings.stallLimit <= now {
          end(backup.call, .stalled, &ports, &out)
        } else if let position = position(of: backup.call) {
          sending.owedSince = since
          backups[position].phase = .sends(sending)
        }
      }
    }
  }

  private func wakeAt(_ backup: Backup, _ now: Instant) -> Instant {
    switch backup.phase {
    case .opens(until: let deadline): deadline
    case .copies: now
    case .sends(let sending):
      if sending.isBlocked, let since = sending.owedSince {
        since + settings.stallLimit
      } else {
        now
      }
    }
  }

  // MARK: Work

  private mutating func write(
    _ before: Ports.Copy, from source: Ports.Source, _ call: UInt64, _ ports: inout Ports,
    _ out: inout BackupOutput
  ) {
    guard let position = position(of: call) else { return }
    do throws(BackupFault) {
      var copy = before
      let isComplete = try ports.write(&copy, from: source)
      backups[position].phase = isComplete ? .sends(Sending(copy: copy)) : .copies(source, copy)
      if isComplete { close(source, &ports, &out) }
    } catch {
      end(call, BackupEnd(error), &ports, &out)
    }
  }

  private mutating func send(
    _ before: Sending, _ call: UInt64, _ ports: inout Ports, _ out: inout BackupOutput
  ) {
    guard let position = position(of: call) else { return }
    do throws(BackupFault) {
      var sending = before
      for _ in 0..<settings.turnMessages {
        if sending.message == nil { sending.message = try ports.next(of: &sending.copy) }
        guard let message = sending.message else {
          return end(call, .complete, &ports, &out)
        }
        sending.isBlocked = !ports.send(message, on: call)
        if sending.isBlocked { break }
        (sending.message, sending.owedSince) = (nil, nil)
      }
      backups[position].phase = .sends(sending)
    } catch {
      end(call, BackupEnd(error), &ports, &out)
    }
  }
}

extension BackupEnd {
  fileprivate init(_ fault: BackupFault) {
    self =
      switch fault {
      case .copy(let reason): .copyFailed(reason: reason)
      case .disk: .stopped
      }
  }
}
