import Raft

/// The members are a function of the log: the last configuration in it, committed or not (failures
/// M2, M4).
struct MembershipFold {
  func violation(
    member: MemberID, inForce configuration: Configuration, log: ShadowLog
  ) -> String? {
    configuration == log.configuration
      ? nil
      : "\(name(member)) goes by another configuration than the last one of its log, which ends "
        + "at \(log.lastIndex.number)"
  }
}
