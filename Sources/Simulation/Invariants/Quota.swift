import KeyValue

/// Behind an alarm for space in the log no command makes any member's store grow.
struct Quota {
  /// `alarms`: at the entry, before it took effect.
  func violation(_ command: Command, _ applied: Applied, alarms: [Alarm]) -> String? {
    guard command.isGrowing, alarms.contains(where: { $0.kind == .noSpace }),
      !applied.changes.isEmpty || !applied.leases.isEmpty
    else { return nil }
    return "\(command) takes effect behind an alarm for space"
  }
}
