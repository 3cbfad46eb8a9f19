import Base
public import Raft

/// What the disk, or what lies on it, can do to a member. Every case names the file.
public enum StorageError: Error, Hashable, Sendable {
  /// Another process runs on this directory: stop it, or choose another directory.
  case inUse(directory: String)
  /// The directory or file cannot be written: give the process the right to do so.
  case unwritable(path: String, reason: String)
  /// The directory belongs to another cluster: correct the flags or choose another directory.
  case otherCluster(directory: String, found: UInt64, expected: UInt64)
  /// The directory belongs to another member of the same cluster: correct the flags.
  case otherMember(directory: String, found: MemberID, name: String, expected: MemberID)
  /// A newer release wrote the file: run that release.
  case unknownFormat(file: String, found: Int, newest: Int)
  /// Bytes are not what this member once wrote: replace the member; the cluster holds its data.
  case damaged(file: String, place: String)
  /// There is no room, not even the reserve: free some space and start again.
  case full(file: String)
  /// The system refused an operation: look at the disk; the member must not go on.
  case failed(file: String, action: String, reason: String)
  /// A received snapshot is not whole: drop it and ask for another. Nothing here has changed.
  case snapshotRefused(reason: String)
  /// An earlier failure stopped this store; nothing is done any more.
  case stopped(because: String)
}

extension StorageError: CustomStringConvertible {
  /// One plain sentence for people.
  public var description: String {
    switch self {
    case .inUse(let directory):
      "data directory \(directory) is in use by another process"
    case .unwritable(let path, let reason):
      "\(path) cannot be written: \(reason)"
    case .otherCluster(let directory, let found, let expected):
      "data directory \(directory) belongs to cluster \(hexadecimal(found)), "
        + "not to \(hexadecimal(expected))"
    case .otherMember(let directory, let found, let name, let expected):
      "data directory \(directory) belongs to member \(hexadecimal(found.number)) (\(name)), "
        + "not to \(hexadecimal(expected.number))"
    case .unknownFormat(let file, let found, let newest):
      "\(file) has format \(found), and this release knows formats up to \(newest)"
    case .damaged(let file, let place):
      "\(file) is damaged: \(place)"
    case .full(let file):
      "no space is left for \(file)"
    case .failed(let file, let action, let reason):
      "could not \(action) \(file): \(reason)"
    case .snapshotRefused(let reason):
      "the received snapshot was refused: \(reason)"
    case .stopped(let reason):
      "the store has stopped because \(reason)"
    }
  }
}
