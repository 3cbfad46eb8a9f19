import KeyValue
import Raft

/// Only a member whose state was changed is ever fenced, so never a majority that agrees.
struct Fences {
  /// Members whose state the world has changed behind their backs.
  var changed: Set<UInt64> = []

  func violation(alarms: [Alarm]) -> String? {
    for alarm in alarms where alarm.kind == .corrupt && !changed.contains(alarm.member) {
      return "\(name(MemberID(alarm.member))) is fenced, and its state is sound"
    }
    return nil
  }
}
