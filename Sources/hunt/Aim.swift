import Mutants

/// Which unit tests are there to notice each mutant: the claims that it makes untrue.
enum Aim {
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

  /// Those with many break what nearly every story rests on: that somebody is elected, that a
  /// promise waits for its write.
  static let tests: [Mutant: [String]] = elections.merging(log) { left, _ in left }
    .merging(rest) { left, _ in left }

  /// How many there are and in which suites, for a page.
  static func summary(_ mutant: Mutant) -> String {
    let tests = tests[mutant, default: []]
    let suites = tests.map { String($0.prefix { $0 != "/" }).replacing("`", with: "") }
    var counted: [(suite: String, count: Int)] = []
    for suite in suites.sorted() {
      if counted.last?.suite == suite {
        counted[counted.count - 1].count += 1
      } else {
        counted.append((suite, 1))
      }
    }
    return counted.map { "\($0.suite) \($0.count)" }.joined(separator: ", ")
  }
}
