/// One thing that happens in an explored world; in 32 bits, for there are many.
struct Move: Hashable {
  enum Kind: UInt32 {
    /// A message arrives.
    case deliver
    /// A message arrives, and will once more.
    case deliverCopy
    /// A member's time runs out; those in the mask `detail` are asked and agree at once.
    case standAtOnce
    /// A member's time runs out.
    case timeOut
    /// A member hears its leader, or a leader its followers, no longer.
    case fallSilent
    /// The oldest write reaches the disk.
    case store
    /// All writes reach the disk, and the member is told once.
    case storeAll
    /// A leader begins a round of heartbeats.
    case beat
    case propose
    /// The wish number `detail` of the scope.
    case change
    /// A member stops and starts again from its disk.
    case crash
    /// A client asks a member for a linearizable read.
    case read
    /// A member's state reaches its disk, and its log is cut behind it.
    case flush
    /// A member's state machine moves to the snapshot that was installed.
    case restore
  }

  let code: UInt32

  init(code: UInt32) { self.code = code }

  /// `member`: its position; zero for messages. `detail`: below 2²⁴.
  init(_ kind: Kind, member: Int = 0, detail: UInt32 = 0) {
    precondition(detail < 1 << 24, "\(detail) does not fit a move")
    code = kind.rawValue << 28 | UInt32(member) << 24 | detail
  }

  var kind: Kind {
    guard let kind = Kind(rawValue: code >> 28) else {
      preconditionFailure("\(code >> 28) is no kind of move")
    }
    return kind
  }

  var member: Int { Int(code >> 24 & 0xF) }

  var detail: UInt32 { code & 0xFF_FFFF }
}
