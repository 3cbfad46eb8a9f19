/// One state of the explored world, in numbers of the interners.
struct GlobalState {
  /// What may still be done to it.
  struct Budget: Hashable {
    var crashes: UInt8
    var duplicates: UInt8
    var heartbeats: UInt8
    var proposals: UInt8
    var changes: UInt8
    var reads: UInt8
    var cuts: UInt8

    init(_ scope: Scope) {
      crashes = UInt8(scope.crashes)
      duplicates = UInt8(scope.duplicates)
      heartbeats = UInt8(scope.heartbeats)
      proposals = UInt8(scope.proposals)
      changes = UInt8(scope.changes)
      reads = UInt8(scope.reads)
      cuts = UInt8(scope.cuts)
      precondition(Budget(code: code) == self, "\(scope.name) allows more than fifteen of a kind")
    }

    /// Four bits each.
    var code: UInt32 {
      let counts = [crashes, duplicates, heartbeats, proposals, changes, reads, cuts]
      return counts.reduce(0) { $0 << 4 | UInt32($1) }
    }

    init(code: UInt32) {
      crashes = UInt8(code >> 24 & 15)
      duplicates = UInt8(code >> 20 & 15)
      heartbeats = UInt8(code >> 16 & 15)
      proposals = UInt8(code >> 12 & 15)
      changes = UInt8(code >> 8 & 15)
      reads = UInt8(code >> 4 & 15)
      cuts = UInt8(code & 15)
    }
  }

  var budget: Budget
  var history: UInt32
  /// By position.
  var members: [UInt32]
  /// On their way, ascending. A message that is there already does not come twice.
  var packets: [UInt32]

  mutating func send(_ packet: UInt32) {
    let place = packets.firstIndex { $0 >= packet } ?? packets.count
    if place < packets.count && packets[place] == packet { return }
    packets.insert(packet, at: place)
  }

  mutating func remove(_ packet: UInt32) {
    if let place = packets.firstIndex(of: packet) { packets.remove(at: place) }
  }
}

/// The states of one depth that wait to be expanded, side by side in one array.
struct Frontier {
  private var words: [UInt32] = []
  private(set) var count = 0

  mutating func append(_ global: GlobalState, state: UInt32) {
    words.append(state)
    words.append(global.budget.code)
    words.append(global.history)
    words.append(contentsOf: global.members)
    words.append(UInt32(global.packets.count))
    words.append(contentsOf: global.packets)
    count += 1
  }

  /// The state at `offset`, which then stands behind it.
  func next(at offset: inout Int, members: Int) -> (global: GlobalState, state: UInt32)? {
    guard offset < words.count else { return nil }
    let packetsAt = offset + 3 + members + 1
    let end = packetsAt + Int(words[packetsAt - 1])
    let global = GlobalState(
      budget: GlobalState.Budget(code: words[offset + 1]), history: words[offset + 2],
      members: Array(words[(offset + 3)..<(packetsAt - 1)]),
      packets: Array(words[packetsAt..<end]))
    let state = words[offset]
    offset = end
    return (global, state)
  }
}
