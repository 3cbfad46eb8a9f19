import Base
import KeyValue

/// A client that holds one lease after the other: has it granted, hangs a key on it, keeps it alive
/// for a while, and then goes silent or revokes it.
struct LeaseKeeper {
  /// What it does at its next turn.
  enum Step: Equatable {
    case grant, put
    /// So many more times.
    case keepAlive(Int)
    case revoke
    /// The lease is left to its end.
    case leave
  }

  var dice: SplitMix64
  /// Its place among the keepers: its leases and its keys are its own.
  let number: Int
  var step = Step.grant
  /// Counts its leases.
  var round: Int64 = 0
  var ttl: Int64 = 1
  /// Counts what it asked; an answer to an earlier attempt comes too late.
  var attempt = 0
  /// What it was told last; `nil`: it was refused, or nobody knows.
  var lastResult: CommandResult?

  init(dice: SplitMix64, number: Int) {
    self.dice = dice
    self.number = number
  }

  /// Never used again, whatever becomes of it.
  var lease: Int64 { Int64(number + 1) * 1_000_000 + round }

  /// Moves on to the next lease.
  mutating func begin() {
    round += 1
    ttl = 1 + Int64(dice.next(below: UInt64(Self.longestTTL)))
    step = .grant
  }

  /// What it asks now; `nil`: nothing.
  var command: Command? {
    switch step {
    case .grant: return .lease(.grant(id: lease, ttl: ttl))
    case .put:
      var put = PutRequest(key: Array("\(LeaseKeeper.prefix)\(number)".utf8), value: [])
      put.lease = lease
      return .put(put)
    case .keepAlive: return .lease(.keepAlive(id: lease))
    case .revoke: return .lease(.revoke(id: lease))
    case .leave: return nil
    }
  }

  /// Seconds.
  static let longestTTL = 3

  /// Its keys begin with it; no other client reads or writes them.
  static let prefix = "lease/"

  /// After an answer, or none in time.
  mutating func moveOn() {
    switch step {
    case .grant: step = .put
    case .put: step = .keepAlive(dice.index(below: 5))
    case .keepAlive(0): step = dice.chance(1, in: 4) ? .revoke : .leave
    case .keepAlive(let left): step = .keepAlive(left - 1)
    case .revoke, .leave: begin()
    }
  }

  /// How long it waits before its next step.
  mutating func pause() -> Duration {
    let whole = Duration.seconds(ttl)
    return step == .leave ? whole : dice.duration(in: .milliseconds(1)..<(whole / 2))
  }
}
