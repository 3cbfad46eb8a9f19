/// Why a member did not do what it was asked: the rule that spoke, the evidence, what still works
/// and what to do next.
///
/// It travels beside etcd's own code and text, in the trailer `QuorateMetadata.why`, so that
/// clients that only know etcd see nothing new.
public struct Why: Hashable, Sendable {
  /// The rule that decided. Raw values are on the wire and never change their meaning.
  public enum Rule: UInt8, Hashable, Sendable, CaseIterable {
    /// A rule that this version has no name for.
    case other = 0
    /// Too few voters were heard within an election timeout (`--on-quorum-loss`).
    case inquorate = 1
    /// No leader is known.
    case noLeader = 2
    /// The command was appended and nothing more was heard of it in time.
    case outcomeUnknown = 3
    /// The member's state is older than `quorate-max-staleness-ms` allows.
    case tooStale = 4
    /// As much is under way as may be.
    case overloaded = 5
    /// The disk, or the quota, leaves no room for a command that grows the store.
    case noSpace = 6
    /// The member is shutting down.
    case stopping = 7
    /// The members of a new store have not all met yet.
    case forming = 8
    /// The leader changed, and the request fell between the two.
    case leaderChanged = 9
    /// A leader is known, but did not answer in time.
    case leaderUnreachable = 10
    /// The request is larger than one may be.
    case tooLarge = 11
    /// Only the leader does this.
    case notLeader = 12
    /// The change asked for does not fit the present members.
    case membership = 13
    /// The member has not yet applied what the request must see.
    case applyBehind = 14
    /// An entry of the log ends whoever applies it: the member stays outside the quorum.
    case poisoned = 15
    /// The member's state is not that of the others, or its files are not what was written.
    case corrupt = 20
  }

  public var rule: Rule
  /// The request did nothing and never will: sending it again, elsewhere too, cannot do it twice.
  public var hasNoEffect: Bool
  /// What the member saw, in one sentence.
  public var evidence: String
  /// What a client can still do here, in one sentence.
  public var stillWorks: String
  /// The command, or the deed, that helps.
  public var nextStep: String

  public init(
    rule: Rule, hasNoEffect: Bool, evidence: String, stillWorks: String, nextStep: String
  ) {
    self.rule = rule
    self.hasNoEffect = hasNoEffect
    self.evidence = evidence
    self.stillWorks = stillWorks
    self.nextStep = nextStep
  }
}

/// The names of what travels in gRPC metadata beside etcd's messages.
public enum QuorateMetadata {
  /// Trailer: an encoded `Why`.
  public static let why = "quorate-why-bin"
  /// Request: the greatest age, in whole milliseconds, that a serializable read accepts.
  public static let maxStaleness = "quorate-max-staleness-ms"
  /// Request to add a learner: `true`, it shall become a voter by itself.
  public static let autoPromote = "quorate-auto-promote"
  /// Request to add a learner: it is a hot spare, for voters that are silent for so long.
  public static let spareDelay = "quorate-spare-delay-ms"
  /// Request to add a member: it takes the place of this one, an id in hexadecimal digits.
  public static let replaces = "quorate-replaces"
  /// Answer: the age of a serializable read in milliseconds, rounded up; never below the true age.
  public static let age = "quorate-age-ms"
  /// Answer: how many revisions at most a serializable read lacks of what the member knows to be
  /// committed. What it has not heard of is not among them: that is what the age is for.
  public static let revisionsBehind = "quorate-revisions-behind"
  /// Answer to `Lock.Lock`: the create revision of the key that holds the lock.
  public static let fencingToken = "quorate-fencing-token"
}

/// Version 1: a byte each for version, rule and flags (bit 0: no effect), then the three
/// sentences, each as a big-endian UInt16 length and its UTF-8. Later versions only append.
extension Why {
  private static let version: UInt8 = 1

  /// No sentence is longer on the wire: trailers have to fit one HTTP/2 header block.
  private static let sentenceLimitBytes = 1024

  public var encoded: [UInt8] {
    var bytes: [UInt8] = [Self.version, rule.rawValue, hasNoEffect ? 1 : 0]
    for sentence in [evidence, stillWorks, nextStep] {
      let text = Self.clipped(sentence)
      bytes.append(UInt8(text.count >> 8))
      bytes.append(UInt8(text.count & 0xff))
      bytes += text
    }
    return bytes
  }

  /// `nil` when the bytes are no payload of version 1 or later.
  public init?(encoded bytes: some Sequence<UInt8>) {
    var rest = Array(bytes)[...]
    guard let version = rest.popFirst(), version >= Self.version,
      let rule = rest.popFirst(), let flags = rest.popFirst(),
      let evidence = Self.sentence(&rest), let stillWorks = Self.sentence(&rest),
      let nextStep = Self.sentence(&rest)
    else { return nil }
    self.init(
      rule: Rule(rawValue: rule) ?? .other, hasNoEffect: flags & 1 == 1,
      evidence: evidence, stillWorks: stillWorks, nextStep: nextStep)
  }

  private static func sentence(_ rest: inout ArraySlice<UInt8>) -> String? {
    guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
    let count = Int(high) << 8 | Int(low)
    guard rest.count >= count else { return nil }
    defer { rest.removeFirst(count) }
    return String(validating: rest.prefix(count), as: UTF8.self)
  }

  /// The longest prefix of whole characters that fits.
  private static func clipped(_ sentence: String) -> [UInt8] {
    var text: [UInt8] = []
    for character in sentence {
      let piece = Array(String(character).utf8)
      guard text.count + piece.count <= sentenceLimitBytes else { break }
      text += piece
    }
    return text
  }
}
