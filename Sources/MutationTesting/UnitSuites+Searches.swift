extension UnitSuites {
  /// They state no rule, but try at random, or one after the other, and look for whatever breaks
  /// any: no mutant is asked to pass them.
  static let searches: [String] = [
    "KeyValueTests.EnvelopeTests/`cut off anywhere, it is malformed`()",
    "KeyValueTests.EnvelopeTests/`flipped bits and random bytes never trap`()",
    "KeyValueTests.KeyIndexTests/`it agrees with sorted histories, and copies stay as "
      + "they were`(seed:)",
    "KeyValueTests.KeyIndexTests/`it shrinks and grows again without losing a key`(seed:)",
    "KeyValueTests.ModelTests/`answers, states and digests are the model's`(_:)",
    "KeyValueTests.WatchSwarmTests/`every watch brings what it should, once and in "
      + "order`(_:)",
    "RaftTests.`Raft swarm`/`no storm breaks a promise, and after it the cluster "
      + "works again`(block:)",
    "ReplicaTests.QuorumRuleTests/`for every R of N members: at most half refuse, "
      + "more than half serve`(count:)",
    "ReplicaTests.ReadTests/`reported age is never below true age`(seed:)",
    "StorageTests.`a failing disk below real files`/`breaks no promise at any "
      + "operation`(failure:)",
    "StorageTests.`a start after a process died`/`trusts nothing that a power loss "
      + "could still take`(failure:)",
    "StorageTests.`power loss`/`at any operation breaks no promise`()",
    "StorageTests.`power loss`/`during the start that follows one breaks none either`()",
    "StorageTests.damage/`of any byte of a store that was killed is noticed or harmless`()",
    "StorageTests.damage/`of any byte of a store that was stopped is noticed or harmless`()",
  ]
}
