import Base
import Raft

/// A space-time diagram (Lamport 1978): a line down for each member, an arrow for each message.
public struct Diagram: Sendable {
  /// A message with its fate.
  struct Arrow: Sendable {
    var sent: Instant
    var from: Int
    var to: Int
    var text: String
    /// When it came first; `nil`: never.
    var arrived: Instant?
  }

  /// What stands in one row.
  enum Mark: Sendable {
    case told(Int?, String)
    case life(Int, isUp: Bool)
    /// The arrow with this place leaves.
    case sent(Int)
  }

  let members: Int
  let title: String
  private(set) var marks: [(at: Instant, mark: Mark)] = []
  private(set) var arrows: [Arrow] = []
  /// The place of each message under way.
  private var placeOf: [UInt64: Int] = [:]
  /// Whether pings and heartbeats that carry nothing new are drawn as well.
  private let showsPings: Bool

  public init(title: String, members: Int, showsPings: Bool = false) {
    self.title = title
    self.members = members
    self.showsPings = showsPings
  }

  public mutating func take(_ event: TraceEvent) {
    switch event {
    case .told(let member, let at, let text): marks.append((at, .told(member, text)))
    case .life(let member, let at, let isUp): marks.append((at, .life(member, isUp: isUp)))
    case .sent(let number, let at, let from, let to, let text):
      if !showsPings && (text == "ping" || text == "pong") { return }
      placeOf[number] = arrows.count
      marks.append((at, .sent(arrows.count)))
      arrows.append(Arrow(sent: at, from: from, to: to, text: text))
    case .arrived(let number, let at):
      guard let place = placeOf[number], arrows[place].arrived == nil else { return }
      arrows[place].arrived = at
    }
  }

  /// The last `count` rows only; what came before is usually not what one looks for.
  public mutating func keepLast(_ count: Int) {
    if marks.count > count { marks.removeFirst(marks.count - count) }
  }

  /// Microseconds since the beginning of the world.
  static func time(_ instant: Instant) -> String {
    let microseconds = instant.nanoseconds / 1_000
    let rest = String(microseconds % 1_000)
    return "\(microseconds / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
  }
}
