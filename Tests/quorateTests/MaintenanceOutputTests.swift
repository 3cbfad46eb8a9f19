import ArgumentParser
import EtcdAPI
import Foundation
import Testing

@testable import quorate

/// What etcdctl 3.5.1 printed of the same answers.
@Suite struct `the output of maintenance commands` {
  private let header = EtcdResponseHeader.make {
    $0.clusterID = 10_996_135_960_605_363_362
    $0.memberID = 17_681_153_939_110_656_363
    $0.revision = 18
    $0.raftTerm = 2
  }
  private let alarms = [
    EtcdAlarmMember.make {
      $0.memberID = 17_681_153_939_110_656_363
      $0.alarm = .nospace
    }
  ]

  private func text(_ format: OutputFormat, isList: Bool = true) throws -> String {
    try Printer(format: format).alarms(alarms, header: isList ? header : nil)
  }

  @Test func `alarms are listed as etcdctl lists them`() throws {
    #expect(try text(.simple) == "memberID:17681153939110656363 alarm:NOSPACE \n")
    #expect(
      try text(.json)
        == #"{"header":{"cluster_id":10996135960605363362,"member_id":17681153939110656363,"#
        + #""revision":18,"raft_term":2},"alarms":[{"memberID":17681153939110656363,"alarm":1}]}"#
        + "\n")
    #expect(
      try text(.fields) == """
        "ClusterID" : 10996135960605363362
        "MemberID" : 17681153939110656363
        "Revision" : 18
        "RaftTerm" : 2
        "MemberID" : 17681153939110656363
        "AlarmType" : NOSPACE


        """)
    #expect(throws: CommandFailure.unsupported(.table)) { try text(.table) }
  }

  /// It gathers several answers, so there is no one header.
  @Test func `a disarm has no header`() throws {
    #expect(
      try text(.json, isList: false)
        == #"{"alarms":[{"memberID":17681153939110656363,"alarm":1}]}"# + "\n")
    #expect(try text(.simple, isList: false) == "memberID:17681153939110656363 alarm:NOSPACE \n")
  }

  @Test func `words that are missing are told as etcdctl tells them`() async {
    func failure(_ run: () async throws -> Void) async -> CommandFailure? {
      do {
        try await run()
        return nil
      } catch {
        return error as? CommandFailure
      }
    }
    #expect(
      await failure({ try await SnapshotSave.parse([]).run() })
        == CommandFailure(.badArguments, "snapshot save expects one argument"))
    #expect(
      await failure({ try await SnapshotStatus.parse(["a", "b"]).run() })
        == CommandFailure(.badArguments, "snapshot status requires exactly one argument"))
    #expect(
      await failure({ try await SnapshotRestore.parse([]).run() })
        == CommandFailure(.badArguments, "snapshot restore requires exactly one argument"))
    #expect(
      await failure({ try RecoverCommand.parse([]).run() })
        == CommandFailure(.badArguments, "recover needs the data directories that are left"))
  }

  @Test func `a snapshot of etcd is known by its magic`() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("quorate-\(ProcessInfo.processInfo.processIdentifier).db").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let bolt = Data(repeating: 0, count: 16) + Data([0xED, 0xDA, 0x0C, 0xED, 2, 0, 0, 0])
    try bolt.write(to: URL(fileURLWithPath: path))
    let failure = #expect(throws: CommandFailure.self) { try EtcdSnapshot.refuse(path) }
    #expect(failure?.text.contains("is a snapshot of etcd") == true)
    try Data("SQLite format 3\0\u{10}\0\u{1}\u{1}".utf8).write(to: URL(fileURLWithPath: path))
    try EtcdSnapshot.refuse(path)
    try EtcdSnapshot.refuse(path + ".none")
  }
}
