public import Host

extension ServerExit {
  /// The process's exit code: from 20, one a case.
  public var code: Int32 {
    switch self {
    case .badFlags: 20
    case .wrongInitialCluster: 21
    case .directoryInUse: 22
    case .anotherCluster: 23
    case .wiped: 24
    case .addressInUse: 25
    case .unwritableDirectory: 26
    case .damagedFile: 27
    case .diskFailed: 28
    case .unknownFormat: 29
    // 30 is `BrokenInvariant`'s.
    case .removed: 31
    case .forgotEntries: 32
    }
  }

  /// One sentence: what is wrong, where, and what to do.
  public var sentence: String {
    switch self {
    case .badFlags(let problem):
      "\(problem); see quorate server --help."
    case .wrongInitialCluster(let problem):
      "--initial-cluster does not fit: \(problem); give every member the same list, and this one "
        + "the flags it began with."
    case .directoryInUse(let directory):
      "Another process works on the data directory \(directory); "
        + "stop it or choose another --data-dir."
    case .anotherCluster(let directory, let found, let expected):
      "The data directory \(directory) belongs to cluster \(found), but --initial-cluster and "
        + "--initial-cluster-token name cluster \(expected); give the flags it was made with, or "
        + "choose another --data-dir."
    case .wiped(let name, let member, let peerURL):
      "This data directory is new, but the cluster knows member \(name) (\(member), "
        + "\(peerURL)) by another one, and never lets it vote without that one's promises: bring "
        + "back that very directory, or give the member a new place (quorate member replace "
        + "\(name)) and start it with --initial-cluster-state existing."
    case .addressInUse(let flag, let address):
      "\(flag): somebody already listens on \(address); stop it or choose another address."
    case .unwritableDirectory(let directory, let reason):
      "\(directory) cannot be written (\(reason)); give this process the right to, or choose "
        + "another --data-dir."
    case .damagedFile(let file, let place):
      "\(file) is damaged (\(place)); this member has stopped before using it and the others go "
        + "on: keep the directory for a look, and never start this member from an older copy, "
        + "which has forgotten promises."
    case .diskFailed(let file, let reason):
      "Writing \(file) failed (\(reason)); the member has stopped and acknowledged nothing "
        + "since: make room or look at the disk, as Docs/Operations.md says under exit 28, before "
        + "you start it again."
    case .unknownFormat(let what):
      "\(what) is of a format that this version does not know; use a newer quorate."
    case .removed(let name, let directory):
      "Member \(name) was removed from the cluster, and \(directory) never serves again: to bring "
        + "it back, add it anew (quorate member add) and start it with an empty --data-dir."
    case .forgotEntries(let name, let directory, let end, let acknowledged):
      "The log in \(directory) ends at entry \(end), but this member has acknowledged entry "
        + "\(acknowledged): the directory was put back from an older copy, or its disk has lost "
        + "what was synced; never start it again, but give the member a new place (quorate member "
        + "replace \(name)) and start it with an empty --data-dir and --initial-cluster-state "
        + "existing."
    }
  }
}
