public import EtcdAPI
public import KeyValue

/// Alarms, and what etcd asks before a downgrade.
extension MaintenanceService {
  /// What a call of `Alarm` comes down to.
  public enum AlarmPlan: Hashable, Sendable {
    /// Which are raised; `nil`: of every kind.
    case list(AlarmKind?)
    case command(UpkeepCommand)
    /// An alarm of a kind that there is not: nothing happens (etcd apply.go Alarm).
    case nothing
  }

  public static func alarm(body: [UInt8]) throws(EtcdStatus) -> AlarmPlan {
    let message: EtcdAlarmRequest = try decoded(body)
    let kind = AlarmKind(message.alarm)
    switch message.action {
    case .get:
      guard kind != nil || message.alarm == .none else { return .nothing }
      return .list(kind)
    case .activate:
      guard let kind else { return .nothing }
      return .command(.raise(Alarm(member: message.memberID, kind: kind)))
    case .deactivate:
      guard let kind else { return .nothing }
      return .command(.lower(Alarm(member: message.memberID, kind: kind)))
    case .UNRECOGNIZED: return .nothing
    }
  }

  public static func alarms(
    _ alarms: [Alarm], _ header: EtcdResponseHeader
  ) -> EtcdAlarmResponse {
    .make {
      $0.header = header
      $0.alarms = alarms.map { EtcdAlarmMember($0) }
    }
  }

  public static func defragmented(_ header: AnswerHeader) -> EtcdDefragmentResponse {
    // etcd tells no revision here.
    .make { $0.header = header.message(revision: 0) }
  }

  /// The answer to `Downgrade`. There is no older Quorate that this one could make room for, so
  /// what etcd would begin is refused, after all that etcd checks first.
  public static func downgrade(
    body: [UInt8], clusterVersion: String, revision: Int64, _ header: AnswerHeader
  ) throws(EtcdStatus) -> EtcdDowngradeResponse {
    let message: EtcdDowngradeRequest = try decoded(body)
    switch message.action {
    case .validate: try check(message.version, clusterVersion)
    case .enable:
      try check(message.version, clusterVersion)
      throw .notCapable
    case .cancel: throw .noInflightDowngrade
    case .UNRECOGNIZED:
      throw EtcdStatus(.unknown, "etcdserver: unknown method")
    }
    return .make {
      $0.header = header.message(revision: revision)
      $0.version = clusterVersion
    }
  }

  /// One minor version below is what etcd may go back to (etcd v3_server.go downgradeValidate).
  private static func check(_ target: String, _ clusterVersion: String) throws(EtcdStatus) {
    guard let target = Version(target) else { throw .wrongDowngradeVersionFormat }
    guard let present = Version(clusterVersion) else {
      preconditionFailure("\(clusterVersion) is no version")
    }
    guard target.major == present.major, target.minor + 1 == present.minor else {
      throw .invalidDowngradeVersion
    }
  }

  /// `3.4`, `3.4.1` or `3.4.0-rc.1` (etcd convertToClusterVersion).
  private struct Version {
    let major: Int
    let minor: Int

    init?(_ text: String) {
      // Behind a third number there may be words, and zeros before each.
      let core = text.prefix { $0 != "-" && $0 != "+" }
      let parts = core.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 3 || parts.count == 2 && core.count == text.count else { return nil }
      let numbers = parts.map { part in
        part.isEmpty || !part.allSatisfy(\.isASCIIDigit) ? nil : Int(part)
      }
      guard let major = numbers[0], let minor = numbers[1], numbers.allSatisfy({ $0 != nil })
      else { return nil }
      (self.major, self.minor) = (major, minor)
    }
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}

extension AlarmKind {
  /// `nil`: none, or one of a newer version.
  fileprivate init?(_ kind: EtcdAlarmType) {
    switch kind {
    case .nospace: self = .noSpace
    case .corrupt: self = .corrupt
    case .none, .UNRECOGNIZED: return nil
    }
  }
}

extension EtcdAlarmMember {
  init(_ alarm: Alarm) {
    self.init()
    memberID = alarm.member
    switch alarm.kind {
    case .noSpace: self.alarm = .nospace
    case .corrupt: self.alarm = .corrupt
    }
  }

  /// As gogo/protobuf's compact text has it, which etcd puts among a status's errors.
  var goText: String {
    let kind =
      switch alarm {
      case .none: ""
      case .nospace: "alarm:NOSPACE "
      case .corrupt: "alarm:CORRUPT "
      case .UNRECOGNIZED(let number): "alarm:\(number) "
      }
    return (memberID == 0 ? "" : "memberID:\(memberID) ") + kind
  }
}
