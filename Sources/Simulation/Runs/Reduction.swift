/// What is left out of a seed's run, so that less is to be read when it fails. Nothing left out:
/// the run that the seed draws.
public struct Reduction: Hashable, Sendable {
  /// The turns of the weather at which something may happen, from one; `nil`: all.
  public var turns: [Int]?
  /// The clients that ask; `nil`: all that the seed draws.
  public var clients: Int?
  /// The network loses, repeats and reorders nothing by itself.
  public var isSmooth = false

  public init() {}

  /// As flags of `quorate simulate`.
  var flags: String {
    var flags = ""
    if let turns {
      let numbers = turns.isEmpty ? "none" : turns.map(String.init).joined(separator: ",")
      flags += " --turns \(numbers)"
    }
    if let clients { flags += " --clients \(clients)" }
    if isSmooth { flags += " --smooth" }
    return flags
  }

  func apply(to weather: inout Weather) {
    if let clients { weather.clients = min(clients, weather.clients) }
    guard isSmooth else { return }
    weather.lossPerThousand = 0
    weather.duplicatePerThousand = 0
    weather.reorderPerThousand = 0
  }
}
