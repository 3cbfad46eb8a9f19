/// One stream of watches, by the number that the member gave it; never used again in a boot.
public struct WatchStreamID: Hashable, Comparable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// etcd rpc.proto WatchCreateRequest.
public struct WatchRequest: Hashable, Sendable {
  /// The client's own number for the watch; zero: the hub chooses one.
  public var id: Int64 = 0
  public var range: KeyRange
  /// The first revision to deliver; zero: the one after the store's present.
  public var startRevision: Int64 = 0
  public var withoutPuts = false
  public var withoutDeletes = false
  public var previousPairs = false
  public var progressNotify = false
  /// One revision's events may come in several answers.
  public var fragment = false

  public init(range: KeyRange) { self.range = range }
}

/// Why there is no such watch. `Services` gives it etcd's text.
public enum WatchRefusal: Hashable, Sendable {
  /// No key can lie in the range.
  case emptyRange
  /// The stream has a watch with this id.
  case duplicateID
  /// The stream, or the member, has as many watches as it may.
  case tooMany
}

/// One answer on a stream.
public struct WatchResponse: Hashable, Sendable {
  public enum Content: Hashable, Sendable {
    case created
    case refused(WatchRefusal)
    /// As asked.
    case cancelled
    /// The watch asked for revisions that are compacted; the oldest that can be watched.
    case compacted(Int64)
    /// Ended by the member: the first revision that was not delivered.
    case ended(resume: Int64)
    /// Everything up to the response's revision was delivered: by this watch, or by all of the
    /// stream where `watch` is −1.
    case progress
    case events(WatchEvents)
  }

  public var stream: WatchStreamID
  /// The watch as the stream knows it; −1: none.
  public var watch: Int64
  /// The header's. Zero: none (as etcd's answer to a compacted watch).
  public var revision: Int64
  public var content: Content

  public init(
    stream: WatchStreamID, watch: Int64, revision: Int64, content: Content
  ) {
    self.stream = stream
    self.watch = watch
    self.revision = revision
    self.content = content
  }
}

/// Events of whole revisions for one watch.
public struct WatchEvents: Hashable, Sendable {
  /// Places in the changes of the batch or piece that was taken in, ascending; at least one.
  public var positions: [Int]
  /// The revision of the first of them.
  public var first: Int64
  public var previousPairs: Bool
  public var fragment: Bool

  public init(positions: [Int], first: Int64, previousPairs: Bool, fragment: Bool) {
    self.positions = positions
    self.first = first
    self.previousPairs = previousPairs
    self.fragment = fragment
  }
}
