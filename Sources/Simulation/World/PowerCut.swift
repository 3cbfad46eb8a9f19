/// What a member does with its disk, as far as it matters where the power goes.
public enum DiskPoint: UInt8, CaseIterable, Hashable, Sendable {
  /// Opening, checking and making the directory.
  case boot
  /// The first base.
  case form
  /// A term or a vote.
  case vote
  case append
  /// A commit after which the log ends earlier than it did (Raft §5.3): what the landmark speaks
  /// of goes.
  case truncate
  /// The landmark beside any commit.
  case landmark
  /// A commit that cuts the log.
  case cut
  /// A commit that installs a snapshot.
  case install
  case flush
  /// Frames move from a WAL into its file.
  case checkpoint
  /// A chunk of an arriving snapshot.
  case receive
  /// The arrived snapshot is verified and synced.
  case finish
  /// The new generation is opened and the old one removed.
  case move
  /// The files are closed in order.
  case close

  /// It comes so often, or takes so many operations, that the power may fail far into it.
  var isLong: Bool {
    switch self {
    case .boot, .vote, .append, .landmark, .cut, .flush, .checkpoint, .finish: true
    case .form, .truncate, .install, .receive, .move, .close: false
    }
  }

  /// It is met more seldom than others in seeds that are about it.
  var isRare: Bool {
    switch self {
    case .truncate, .cut, .install, .receive, .move: true
    case .boot, .form, .vote, .append, .landmark, .flush, .checkpoint, .finish, .close: false
    }
  }
}

/// The power is to fail everywhere, at the next operation of this kind after so many.
struct PowerCut {
  var point: DiskPoint
  var after: Int

  /// Whether an operation of a member at `point` counts.
  func waits(for point: DiskPoint) -> Bool {
    switch self.point {
    case .landmark: [.form, .vote, .append, .truncate, .cut, .install].contains(point)
    case .boot, .form, .vote, .append, .truncate, .cut, .install, .flush, .checkpoint, .receive,
      .finish,
      .move, .close:
      self.point == point
    }
  }

  /// Only operations on files whose names end so count.
  var suffix: String { point == .landmark ? "landmark" : "" }
}
