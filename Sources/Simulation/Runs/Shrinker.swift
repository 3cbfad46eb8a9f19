/// Looks for a smaller run that fails in the same way: fewer events, fewer turns of the weather,
/// fewer clients, a smooth network. Delta debugging (Zeller and Hildebrandt 2002) over the turns;
/// each has dice of its own, so leaving one out does not change what the others draw.
public struct Shrinker {
  /// The smallest run so far that fails.
  public private(set) var smallest: Simulator
  /// Runs that may still be tried.
  private var left: Int
  /// Whether a run fails in the same way as the first did.
  private let fails: (Simulator) -> Bool

  /// *Precondition*: `failing` fails.
  public init(_ failing: Simulator, limit: Int = 300, fails: @escaping (Simulator) -> Bool) {
    smallest = failing
    left = limit
    self.fails = fails
  }

  /// What two failures must have in common to be one: the words of the first line, not its numbers
  /// and names.
  public static func kind(of failure: String) -> String {
    let line = failure.prefix { $0 != "\n" }
    let words = line.split(separator: " ").filter { word in !word.contains(where: \.isNumber) }
    return words.joined(separator: " ")
  }

  /// `turns`: how many the failing run had.
  public mutating func shrink(turns: Int) {
    shortenStorm()
    keepTurns(of: Array(1..<(turns + 1)))
    attempt { $0.reduction.isSmooth = true }
    for clients in [0, 1] where attempt({ $0.reduction.clients = clients }) { break }
    shortenStorm()
  }

  @discardableResult
  private mutating func attempt(_ change: (inout Simulator) -> Void) -> Bool {
    guard left > 0 else { return false }
    var candidate = smallest
    change(&candidate)
    guard candidate != smallest else { return false }
    left -= 1
    guard fails(candidate) else { return false }
    smallest = candidate
    return true
  }

  /// The shortest storm, as if what fails after so many events failed after more as well.
  private mutating func shortenStorm() {
    var low = 0
    var high = smallest.steps
    while high - low > max(1, high / 50), left > 0 {
      let middle = (low + high) / 2
      if middle > 0, attempt({ $0.steps = middle }) { high = middle } else { low = middle }
    }
  }

  /// Tries none, then ever finer parts and what is left without each of them.
  private mutating func keepTurns(of all: [Int]) {
    if attempt({ $0.reduction.turns = [] }) { return }
    var turns = all
    var parts = 2
    while turns.count > 1, left > 0 {
      let size = (turns.count + parts - 1) / parts
      var isSmaller = false
      for start in stride(from: 0, to: turns.count, by: size) {
        let end = min(turns.count, start + size)
        let without = Array(turns[..<start] + turns[end...])
        if attempt({ $0.reduction.turns = without }) {
          turns = without
          parts = max(2, parts - 1)
          isSmaller = true
          break
        }
      }
      if !isSmaller {
        guard size > 1 else { return }
        parts = min(turns.count, parts * 2)
      }
    }
  }
}
