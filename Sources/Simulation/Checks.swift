/// Every invariant of the cluster, each with its own memory.
struct Checks {
  var electionSafety = ElectionSafety()
  var logMatching = LogMatching()
  var committed = CommittedLog()
  var stateAgreement = StateAgreement()
  var oneVoteATerm = OneVoteATerm()
  var durablePromises = DurablePromises()
  var neverBack = NeverBack()
  var appliedDurable = AppliedDurable()
  var majorityDurability = MajorityDurability()
  var requestFates = RequestFates()
  var honestAge = HonestAge()
  var quorumTruth = QuorumTruth()
  var membershipFold = MembershipFold()
  var leaseHonesty = LeaseHonesty(driftMillionths: 0)
  var quota = Quota()
  var fences = Fences()
}
