import Base
import KeyValue
import Raft

/// No lease ends by itself before its time: counted from the moment at which its holder last sent
/// what was answered by a grant or a keep-alive (Docs/Consistency.md, *Leases*). None is forgotten
/// either.
struct LeaseHonesty {
  /// What clocks may measure wrongly, in millionths, twice: one runs fast, another measures it.
  private let driftMillionths: Int64
  /// Until when each lease was promised, in the world's time.
  private var promised: [Int64: Instant] = [:]
  /// Leases that were granted and have not ended, by the entries that anyone has applied.
  private(set) var alive: Set<Int64> = []
  private var ended: Set<Int64> = []

  init(driftMillionths: UInt64) { self.driftMillionths = 2 * Int64(driftMillionths) }

  /// A member tells the holder so; what was asked left the holder at `sentAt`.
  mutating func acknowledged(_ id: Int64, ttl: Int64, sentAt: Instant) {
    let whole = ttl * 1_000_000_000
    let until = sentAt + .nanoseconds(whole - whole / 1_000_000 * driftMillionths)
    promised[id] = max(promised[id] ?? .zero, until)
  }

  /// A member has applied an entry. `jumps`: how far clocks have jumped ahead in all.
  mutating func violation(
    _ command: Command, _ changes: [LeaseChange], at now: Instant, jumps: Duration
  ) -> String? {
    for change in changes {
      switch change {
      case .set(let lease): if !ended.contains(lease.id) { alive.insert(lease.id) }
      case .removed(let id):
        alive.remove(id)
        guard ended.insert(id).inserted, case .lease(.expire) = command else { continue }
        guard let until = promised[id], now + jumps < until else { continue }
        return "lease \(id) ends \(until - now) before its time"
      case .clock: break
      }
    }
    return nil
  }
}
