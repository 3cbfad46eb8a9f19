import EtcdAPI
import KeyValue
import Testing

@testable import Services

/// What etcd 3.5.1 answers (etcd v3_server.go downgradeValidate, apply.go Alarm).
@Suite struct `the service Maintenance` {
  private let header = AnswerHeader(cluster: 1, member: 2, raftTerm: 3)

  private func answer(
    _ action: EtcdDowngradeRequest.DowngradeAction, _ version: String
  ) -> Result<String, EtcdStatus> {
    let body = EtcdDowngradeRequest.make {
      $0.action = action
      $0.version = version
    }.encodedBytes
    do throws(EtcdStatus) {
      let answer = try MaintenanceService.downgrade(
        body: body, clusterVersion: "3.5.0", revision: 7, header)
      return .success(answer.version)
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: ["3.4", "3.4.0", "3.4.9", "03.4", "3.4.0-rc.1"])
  func `one version back is what a downgrade may be to`(version: String) {
    #expect(answer(.validate, version) == .success("3.5.0"))
    #expect(answer(.enable, version) == .failure(.notCapable))
  }

  @Test(arguments: ["3.5", "3.6.0", "3.3", "4.4", "2.4"])
  func `no other version`(version: String) {
    #expect(answer(.validate, version) == .failure(.invalidDowngradeVersion))
    #expect(answer(.enable, version) == .failure(.invalidDowngradeVersion))
  }

  @Test(arguments: ["", "3", "x", "3.4.0.1", "-1.2", "3..4", " 3.4", "3.4-rc"])
  func `what is no version is told`(version: String) {
    #expect(answer(.validate, version) == .failure(.wrongDowngradeVersionFormat))
    #expect(answer(.enable, version) == .failure(.wrongDowngradeVersionFormat))
    #expect(answer(.cancel, version) == .failure(.noInflightDowngrade))
  }

  @Test func `alarms are asked for by kind, and an unknown kind does nothing`() throws {
    func plan(
      _ action: EtcdAlarmRequest.AlarmAction, _ kind: EtcdAlarmType
    ) throws -> MaintenanceService.AlarmPlan {
      try MaintenanceService.alarm(
        body: EtcdAlarmRequest.make {
          $0.action = action
          $0.memberID = 5
          $0.alarm = kind
        }.encodedBytes)
    }
    #expect(try plan(.get, .none) == .list(nil))
    #expect(try plan(.get, .corrupt) == .list(.corrupt))
    let alarm = Alarm(member: 5, kind: .noSpace)
    #expect(try plan(.activate, .nospace) == .command(.raise(alarm)))
    #expect(try plan(.deactivate, .nospace) == .command(.lower(alarm)))
    for action in [EtcdAlarmRequest.AlarmAction.activate, .deactivate] {
      #expect(try plan(action, .none) == .nothing)
      #expect(try plan(action, .UNRECOGNIZED(9)) == .nothing)
    }
    #expect(try plan(.UNRECOGNIZED(4), .nospace) == .nothing)
  }

  /// Clients match on the text.
  @Test func `alarms read as etcd prints them`() {
    #expect(
      EtcdAlarmMember(Alarm(member: 77, kind: .noSpace)).goText == "memberID:77 alarm:NOSPACE ")
    #expect(EtcdAlarmMember(Alarm(member: 0, kind: .corrupt)).goText == "alarm:CORRUPT ")
  }
}
