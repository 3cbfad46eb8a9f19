/// Why a member's process ended; the code is what the shell sees. Docs/Operations.md has the table.
///
/// Every case carries what its one sentence needs.
public enum ServerExit: Error, Equatable, Sendable {
  /// A flag is missing, unknown to `server`, or has a value it cannot have.
  case badFlags(String)
  /// `--initial-cluster` does not name this member, or not as the other members or the data
  /// directory have it.
  case wrongInitialCluster(String)
  /// Another process holds the `LOCK` file.
  case directoryInUse(directory: String)
  /// The data directory was formed with other members or another `--initial-cluster-token`.
  case anotherCluster(directory: String, found: String, expected: String)
  /// The cluster knows this member by another incarnation: its data directory was lost.
  case wiped(name: String, member: String, peerURL: String)
  /// Somebody else listens where this member should.
  case addressInUse(flag: String, address: String)
  case unwritableDirectory(directory: String, reason: String)
  /// A file holds other bytes than were written.
  case damagedFile(file: String, place: String)
  /// A write or sync failed; nothing was acknowledged after it.
  case diskFailed(file: String, reason: String)
  /// A file, log entry or snapshot is of a format this version does not know.
  case unknownFormat(what: String)
  /// The cluster has removed this member.
  case removed(name: String, directory: String)
  /// The log ends before entries that this member has acknowledged.
  case forgotEntries(name: String, directory: String, end: UInt64, acknowledged: UInt64)
}
