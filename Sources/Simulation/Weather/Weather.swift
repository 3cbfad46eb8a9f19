import Base
public import Replica
public import Storage

/// How rough one run is. Every seed draws its own: a fixed mixture would average out the storms,
/// and many things must be absent for others to go far.
public struct Weather: Hashable, Sendable {
  /// A duration is drawn evenly from `low ..< high`; equal bounds: always the same.
  public struct Span: Hashable, Sendable {
    public var low: Duration
    public var high: Duration

    public init(_ low: Duration, _ high: Duration) {
      self.low = low
      self.high = high
    }

    func draw(_ dice: inout SplitMix64) -> Duration {
      low < high ? dice.duration(in: low..<high) : low
    }
  }

  public var members = 3
  public var settings = ReplicaSettings()

  // The network. Chances are per thousand.
  public var delay = Span(.microseconds(200), .milliseconds(2))
  public var lossPerThousand: UInt64 = 0
  public var duplicatePerThousand: UInt64 = 0
  /// A message that is overtaken comes up to this much later.
  public var reorderPerThousand: UInt64 = 0
  public var reorderDelay = Span(.milliseconds(1), .milliseconds(50))
  public var reconnect = Duration.milliseconds(20)
  /// A session over a silent link is given up after this.
  public var silenceLimit = Duration.seconds(3)

  // Connections for snapshots.
  /// How often one end never learns that the other is gone.
  public var silentEndsPerThousand: UInt64 = 0
  /// How long it takes an end to learn it.
  public var lateEnd = Span(.zero, .zero)
  /// The first of each member's two addresses is dead.
  public var hasDeadAddresses = false

  // The disk.
  public var sync = Span(.microseconds(200), .milliseconds(2))
  public var flushInterval = Duration.milliseconds(20)
  public var tendPerThousand: UInt64 = 500
  public var apply = Span(.microseconds(20), .microseconds(200))
  public var applyBatch = 64
  public var chunkBytes = 4_096

  /// The members keep what they have in the product's own files, on a disk in memory.
  public var usesFiles = false
  public var storage = StorageSettings()

  // Clocks: offsets up to an hour, drift up to this.
  public var driftMillionths: UInt64 = 0

  // Clients.
  public var clients = 3
  public var keys = 3
  public var think = Span(.zero, .milliseconds(40))
  public var clientTimeout = Duration.milliseconds(2_000)
  public var valueBytes = 8
  /// What the clients accept of a serializable read, half of the time; `nil`: any age.
  public var maxStaleness: Duration?
  /// Clients that hold leases.
  public var leaseKeepers = 0
  /// Members say who they are, and are written down: clients change who they are.
  public var introducesMembers = false
  /// How long a voter is silent before a spare takes its place.
  public var spareDelay = Duration.seconds(1)
  /// The table is read for changes behind the member's back.
  var scrubs = false
  /// Clients that watch.
  public var watchers = 0
  /// How often a client asks for a backup; `nil`: never.
  var backups: Span?
  /// How often the store is compacted; `nil`: never.
  public var compaction: Span?

  // Faults: relative weights of what happens at each turn of the weather; zero: never.
  public var faultInterval = Span(.milliseconds(100), .milliseconds(800))
  public var faultWeights: [Fault: UInt64] = [:]
  /// How long a fault lasts.
  public var faultLength = Span(.milliseconds(50), .milliseconds(2_000))
  public var resetsLinks = false
  /// Whether members are killed in the middle of what an operator asked for.
  public var crashesInChanges = false
  /// What a minority has after the storm and the calm; `nil`: nothing.
  public var lasting: LastingFault?
  /// How often a power cut is laid; `nil`: never.
  public var powerCuts: Span?
  /// What most of them wait for; `nil`: all are alike.
  public var powerPoint: DiskPoint?
  /// Whether two leaders out of three are cut off in the moment of their election.
  public var cutsNewLeaders = false
  /// How often something befalls the founders before the storm; `nil`: they form in peace.
  public var formingFaults: Span?

  public init() {
    // Stories have their logs for themselves.
    settings.digestInterval = .seconds(1 << 30)
  }
}
