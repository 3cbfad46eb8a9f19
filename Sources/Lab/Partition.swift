/// A member of a lab as people number it, from one.
public typealias MemberNumber = Int

/// One direction between two members.
public struct Direction: Hashable, Sendable, Codable {
  public var from: MemberNumber
  public var to: MemberNumber

  public init(from: MemberNumber, to: MemberNumber) {
    self.from = from
    self.to = to
  }
}

/// Which directions between the members of a lab are cut, and in what way.
public struct Partition: Hashable, Sendable, Codable {
  /// What a cut does to a link.
  public enum Manner: String, Hashable, Sendable, Codable {
    /// Bytes vanish and nobody is told, as when a cable is cut.
    case silent
    /// The connection breaks, and new ones are refused.
    case reset
  }

  public var cuts: Set<Direction>
  public var manner: Manner

  public init(cuts: Set<Direction> = [], manner: Manner = .silent) {
    self.cuts = cuts
    self.manner = manner
  }

  public static let none = Partition()

  /// Reads what follows `quorate lab partition`, for a lab of `members` members.
  ///
  /// - `1,2 | 3,4,5`: groups; links between groups are cut both ways.
  /// - `halves`: the first half, rounded down, and the rest.
  /// - `isolate 3`: members that nobody reaches.
  /// - `bridge 3`: two halves that only member 3 still connects.
  /// - `ring`: each member reaches only its two neighbours.
  /// - `one-way 1>2`: what 1 sends to 2 is lost, what 2 sends to 1 arrives.
  ///
  /// *Throws* one sentence that says what to write instead.
  public init(
    parsing words: [String], members: Int, manner: Manner
  ) throws(PartitionSyntaxError) {
    let text = words.joined(separator: " ").trimmed
    let all = Array(1...members)
    let rest = text.split(separator: " ").dropFirst().joined(separator: " ")
    switch text.split(separator: " ").first {
    case nil:
      throw PartitionSyntaxError("name a partition, such as '1,2 | 3,4,5', halves or 'isolate 1'")
    case "halves":
      try Self.expectNothing(after: "halves", rest)
      self = .between([Array(all.prefix(members / 2)), Array(all.dropFirst(members / 2))], manner)
    case "ring":
      try Self.expectNothing(after: "ring", rest)
      self = .ring(members, manner)
    case "isolate":
      let alone = try Self.numbers(rest, members)
      self = .between(alone.map { [$0] } + [all.filter { !alone.contains($0) }], manner)
    case "bridge":
      let bridges = try Self.numbers(rest, members)
      guard bridges.count == 1, members >= 3 else {
        throw PartitionSyntaxError("a bridge is one member of at least three, such as 'bridge 3'")
      }
      let others = all.filter { $0 != bridges[0] }
      let half = others.count / 2
      self = .between([Array(others.prefix(half)), Array(others.dropFirst(half))], manner)
    case "one-way":
      self = Partition(cuts: try Self.directions(rest, members), manner: manner)
    case .some:
      self = .between(try Self.groups(text, members), manner)
    }
  }

  /// Cuts both directions between any two of `groups`.
  private static func between(_ groups: [[MemberNumber]], _ manner: Manner) -> Partition {
    var cuts: Set<Direction> = []
    for (number, group) in groups.enumerated() {
      for other in groups[(number + 1)...].joined() {
        for member in group {
          cuts.insert(Direction(from: member, to: other))
          cuts.insert(Direction(from: other, to: member))
        }
      }
    }
    return Partition(cuts: cuts, manner: manner)
  }

  private static func ring(_ members: Int, _ manner: Manner) -> Partition {
    var cuts: Set<Direction> = []
    for from in 1...members {
      for to in 1...members {
        let distance = (to - from + members) % members
        if distance > 1 && distance < members - 1 {
          cuts.insert(Direction(from: from, to: to))
        }
      }
    }
    return Partition(cuts: cuts, manner: manner)
  }

  private static func expectNothing(
    after word: String, _ rest: String
  ) throws(PartitionSyntaxError) {
    if !rest.isEmpty {
      throw PartitionSyntaxError("nothing follows '\(word)', but '\(rest)' does")
    }
  }

  private static func number(
    _ text: some StringProtocol, _ members: Int
  ) throws(PartitionSyntaxError) -> MemberNumber {
    let name = String(text).trimmed
    let digits = name.hasPrefix("n") ? String(name.dropFirst()) : name
    guard let number = Int(digits), (1...members).contains(number) else {
      throw PartitionSyntaxError("'\(name)' is no member of this lab; they are 1 to \(members)")
    }
    return number
  }

  private static func numbers(
    _ text: String, _ members: Int
  ) throws(PartitionSyntaxError) -> [MemberNumber] {
    var found: [MemberNumber] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
      let number = try number(part, members)
      if found.contains(number) { throw PartitionSyntaxError("member \(number) is named twice") }
      found.append(number)
    }
    if found.isEmpty {
      throw PartitionSyntaxError("name at least one member, from 1 to \(members)")
    }
    return found
  }

  private static func groups(
    _ text: String, _ members: Int
  ) throws(PartitionSyntaxError) -> [[MemberNumber]] {
    guard text.contains("|") else {
      throw PartitionSyntaxError(
        "'\(text)' is no partition; write groups such as '1,2 | 3,4,5', or halves, 'isolate 1', "
          + "'bridge 1', ring, 'one-way 1>2'")
    }
    var groups: [[MemberNumber]] = []
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      groups.append(try numbers(String(part), members))
    }
    let named = groups.joined().sorted()
    for (number, next) in zip(named, named.dropFirst()) where number == next {
      throw PartitionSyntaxError("member \(number) stands on two sides")
    }
    let missing = (1...members).filter { !named.contains($0) }
    if !missing.isEmpty {
      let list = missing.map(String.init).joined(separator: ", ")
      throw PartitionSyntaxError("say on which side member \(list) is: every member has one")
    }
    return groups
  }

  private static func directions(
    _ text: String, _ members: Int
  ) throws(PartitionSyntaxError) -> Set<Direction> {
    var cuts: Set<Direction> = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
      let ends = part.split(separator: ">", omittingEmptySubsequences: false)
      guard ends.count == 2 else {
        throw PartitionSyntaxError("'\(part)' names no direction; write 'one-way 1>2'")
      }
      let from = try number(ends[0], members)
      let to = try number(ends[1], members)
      if from == to { throw PartitionSyntaxError("member \(from) has no link to itself") }
      cuts.insert(Direction(from: from, to: to))
    }
    if cuts.isEmpty { throw PartitionSyntaxError("name a direction, such as 'one-way 1>2'") }
    return cuts
  }

  /// What is cut, in words for one line: `1 <-/-> 3, 2 -/-> 5`.
  public var summary: String {
    var words: [String] = []
    for cut in cuts.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) {
      let isBothWays = cuts.contains(Direction(from: cut.to, to: cut.from))
      if isBothWays && cut.from > cut.to { continue }
      words.append("\(cut.from) \(isBothWays ? "<-/->" : "-/->") \(cut.to)")
    }
    return words.isEmpty ? "nothing" : words.joined(separator: ", ")
  }
}

/// A partition that could not be read; one sentence that says what to write.
public struct PartitionSyntaxError: Error, Hashable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

extension String {
  fileprivate var trimmed: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
