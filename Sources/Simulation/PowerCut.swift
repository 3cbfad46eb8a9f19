/// What a member does with its disk, as far as it matters where the power goes.
enum DiskPoint: UInt8, CaseIterable, Hashable, Sendable {
  /// Opening, checking and making the directory.
  case boot
  /// The first base.
  case form
  /// A term or a vote.
  case vote
  case append
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
}

/// The power is to fail everywhere, at the next operation of this kind after so many.
struct PowerCut {
  var point: DiskPoint
  var after: Int

  /// Whether an operation of a member at `point` counts.
  func waits(for point: DiskPoint) -> Bool {
    switch self.point {
    case .landmark: [.form, .vote, .append, .cut, .install].contains(point)
    case .boot, .form, .vote, .append, .cut, .install, .flush, .checkpoint, .receive, .finish,
      .move, .close:
      self.point == point
    }
  }

  /// Only operations on files whose names end so count.
  var suffix: String { point == .landmark ? "landmark" : "" }
}
