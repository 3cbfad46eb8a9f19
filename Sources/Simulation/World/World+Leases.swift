import Base
import KeyValue
import Linearizability
import Raft
import Replica

/// Clients that hold leases, and what must become of those.
extension World {
  func startKeepers() {
    for keeper in keepers.indices {
      keepers[keeper].begin()
      after(keepers[keeper].pause(), .keeperTurn(keeper))
    }
  }

  /// One step of a keeper, at any member.
  func keeperTurn(_ number: Int) {
    guard !isCalm else { return }
    guard let command = keepers[number].command else {
      keepers[number].moveOn()
      return after(keepers[number].pause(), .keeperTurn(number))
    }
    let member = members[keepers[number].dice.index(below: weather.members)]
    send(command, by: number, to: member)
    after(weather.clientTimeout, .keeperTimeout(number, attempt: keepers[number].attempt))
  }

  /// A keeper asks, and is told by `keeperAnswer`.
  func send(_ command: Command, by number: Int, to member: SimulatedMember) {
    keepers[number].attempt += 1
    keepers[number].lastResult = nil
    let request = ClientRequest(
      client: nil, attempt: keepers[number].attempt, member: member.position, boot: member.boot,
      timeout: weather.clientTimeout,
      wish: .command(command, keeper: number, sentAt: now))
    tell(nil, "l\(number) asks \(member.name): \(command)")
    let delay = keepers[number].dice.duration(in: .microseconds(20)..<(.microseconds(300)))
    after(delay, .request(request))
  }

  /// `nil`: it was refused, or nobody knows.
  func take(_ result: CommandResult?, keeper number: Int, _ attempt: Int) {
    guard keepers[number].attempt == attempt else { return }
    keepers[number].attempt += 1
    keepers[number].lastResult = result
    tell(nil, "l\(number) is told: \(result.map { "\($0.answer)" } ?? "nothing")")
    keepers[number].moveOn()
    after(keepers[number].pause(), .keeperTurn(number))
  }

  /// A member answers what a keeper has asked it.
  func reply(_ result: CommandResult?, keeper number: Int, to request: ClientRequest) {
    if case .command(_, _, let sentAt) = request.wish {
      switch result?.answer {
      case .leaseGrant(let id, let ttl), .leaseKeepAlive(let id, let ttl):
        // Zero: there is no such lease, and nothing is promised.
        if ttl > 0 { checks.leaseHonesty.acknowledged(id, ttl: ttl, sentAt: sentAt) }
      case .put, .deleteRange, .txn, .compaction, .leaseRevoke, .leaseTime, .alarms, .marked,
        .failed, nil:
        break
      }
    }
    let delay = keepers[number].dice.duration(in: .microseconds(20)..<(.microseconds(300)))
    after(delay, .keeperAnswer(number, attempt: request.attempt, result: result))
  }

  /// Holds what an entry did to leases against what their holders were told.
  func inspect(_ envelope: CommandEnvelope, _ applied: Applied) {
    if !applied.leases.isEmpty {
      check(
        checks.leaseHonesty.violation(
          envelope.command, applied.leases, at: now, jumps: counts.clockJumps))
    }
    guard !keepers.isEmpty, !applied.changes.isEmpty, isOutside(envelope.command) else { return }
    history.noteOutside(applied.result.revision)
  }

  /// The change is none that a call of the history asked for.
  private func isOutside(_ command: Command) -> Bool {
    switch command {
    case .lease: true
    case .put(let put): put.key.starts(with: LeaseKeeper.prefix.utf8)
    case .deleteRange, .txn, .compaction, .upkeep: false
    }
  }

  /// Nobody keeps anything alive any more: every lease ends, at the latest its whole time and one
  /// election timeout from now, for the leader stays.
  func demandExpiry() {
    guard violation == nil, !keepers.isEmpty else { return }
    let longest = Duration.seconds(LeaseKeeper.longestTTL)
    let drift = longest * Int(weather.driftMillionths) / 1_000_000
    // What was asked last may take effect as late as its client would have waited.
    let late = Duration.seconds(2)
    let limit = now + longest + drift + weather.settings.raft.electionTimeout + late
    guard run(until: limit, { checks.leaseHonesty.alive.isEmpty && isSettled }) else {
      return fail("leases \(checks.leaseHonesty.alive.sorted()) do not end in calm")
    }
    var cache = RowCache(limitBytes: 0)
    let prefix = Array(LeaseKeeper.prefix.utf8)
    var request = RangeRequest(range: KeyRange(key: prefix, end: prefix.dropLast() + [0x30]))
    request.countOnly = true
    for member in members {
      guard let configuration = commonLeader?.log.configuration.members,
        configuration.contains(where: { $0.id == member.id }),
        let readView = member.keyValue?.readView
      else { continue }
      guard case .answer(let response) = readView.range(request, cache: &cache), response.count == 0
      else { return fail("\(member.name) holds keys of leases that have ended") }
    }
  }
}
