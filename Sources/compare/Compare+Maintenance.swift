import Base
import EtcdAPI
import Foundation
import NIOCore
import RPC
import Synchronization

/// The service `etcdserverpb.Maintenance` of both servers, among writes: alarms and what they
/// refuse, status, hashes, defragmentation, downgrades, snapshots.
///
/// Left out, because they are meant to differ (Docs/Testing.md): an alarm CORRUPT, which in etcd
/// stops every member and here the one that it names; a downgrade that etcd would begin; what
/// hashes, sizes and indices are; the bytes of a snapshot.
extension Compare {
  /// How many answers differ; stops at the first few.
  static func compareMaintenance(
    _ count: Int, _ left: RPCConnection, _ right: RPCConnection, seed: UInt64
  ) async -> (differences: Int, refusals: Int) {
    var generator = MaintenanceGenerator(seed: seed)
    var (differences, refusals) = (0, 0)
    for number in 1..<count + 1 {
      let call = generator.next()
      async let mine = maintenanceAnswer(to: call, from: left)
      async let theirs = maintenanceAnswer(to: call, from: right)
      let (a, b) = await (mine, theirs)
      if a.isRefusal { refusals += 1 }
      if a.text != b.text {
        differences += 1
        print("maintenance \(number) is answered differently:\n\(call)\n\(a.text)\n\(b.text)\n")
        if differences == 5 { break }
      }
      generator.revision = max(generator.revision, a.revision)
    }
    return (differences, refusals)
  }

  private static func maintenanceAnswer(
    to call: MaintenanceGenerator.Call, from connection: RPCConnection
  ) async -> Answer {
    switch call {
    case .plain(let call): await answer(to: call, from: connection)
    case .alarm(let request):
      await answer(
        EtcdMethod.Maintenance.alarm, request, connection, \EtcdAlarmResponse.header
      ) { $0.alarms.sort { ($0.alarm.rawValue, $0.memberID) < ($1.alarm.rawValue, $1.memberID) } }
    case .status:
      await answer(
        EtcdMethod.Maintenance.status, EtcdStatusRequest(), connection,
        \EtcdStatusResponse.header, Self.plain)
    case .hashKV(let revision):
      await answer(
        EtcdMethod.Maintenance.hashKV, EtcdHashKVRequest.make { $0.revision = revision },
        connection, \EtcdHashKVResponse.header
      ) { $0.hash = 0 }
    case .hash:
      await answer(
        EtcdMethod.Maintenance.hash, EtcdHashRequest(), connection, \EtcdHashResponse.header
      ) { $0.hash = 0 }
    case .defragment:
      await answer(
        EtcdMethod.Maintenance.defragment, EtcdDefragmentRequest(), connection,
        \EtcdDefragmentResponse.header)
    case .downgrade(let request):
      await answer(
        EtcdMethod.Maintenance.downgrade, request, connection, \EtcdDowngradeResponse.header)
    case .snapshot: await snapshot(over: connection)
    }
  }

  /// What any two members differ in is taken out.
  private static func plain(_ status: inout EtcdStatusResponse) {
    status.version = ""
    status.dbSize = status.dbSize > 0 && status.dbSize >= status.dbSizeInUse ? 1 : 0
    status.dbSizeInUse = status.dbSizeInUse > 0 ? 1 : 0
    status.raftIndex = status.raftIndex >= status.raftAppliedIndex ? 1 : 0
    status.raftAppliedIndex = status.raftAppliedIndex > 0 ? 1 : 0
    status.leader = status.leader > 0 ? 1 : 0
    status.raftTerm = 0
    status.errors.sort()
  }

  /// The shape of a snapshot's stream: its pieces count down, and the last one is a hash.
  private static func snapshot(
    over connection: RPCConnection
  ) async -> Answer {
    let messages = Mutex<[EtcdSnapshotResponse]>([])
    let outcome = await withCheckedContinuation { (done: CheckedContinuation<CallOutcome, Never>) in
      let stream = connection.open(EtcdMethod.Maintenance.snapshot) { event in
        switch event {
        case .metadata, .writable: break
        case .message(let message):
          let decoded = try? EtcdSnapshotResponse(decoding: Array(message.readableBytesView))
          messages.withLock { if let decoded { $0.append(decoded) } }
        case .ended(let outcome): done.resume(returning: outcome)
        }
      }
      _ = stream.send(EtcdSnapshotRequest().encodedBytes)
      stream.halfClose()
    }
    let all = messages.withLock { $0 }
    let total = all.dropLast().reduce(0) { $0 + $1.blob.count }
    var sent = 0
    let countsDown = all.dropLast().allSatisfy { message in
      sent += message.blob.count
      return message.remainingBytes == UInt64(total - sent)
    }
    return Answer(
      "\(outcome.status.code) \(countsDown) \(total % 512) \(all.last?.blob.count ?? -1) "
        + "\(all.last?.remainingBytes ?? 1) \(all.allSatisfy { !$0.hasHeader }) "
        + "\(all.dropLast(2).allSatisfy { $0.blob.count == 32 << 10 })",
      0)
  }
}

/// Draws requests of the Maintenance service, and writes between them.
struct MaintenanceGenerator {
  enum Call {
    case plain(RequestGenerator.Call)
    case alarm(EtcdAlarmRequest)
    case status
    case hashKV(Int64)
    case hash
    case defragment
    case downgrade(EtcdDowngradeRequest)
    case snapshot
  }

  private var dice: SplitMix64
  private var writes: RequestGenerator
  var revision: Int64 {
    get { writes.revision }
    set { writes.revision = newValue }
  }

  init(seed: UInt64) {
    dice = SplitMix64(seed: seed &+ 77)
    writes = RequestGenerator(seed: seed, drawsLeases: true)
  }

  mutating func next() -> Call {
    switch dice.index(below: 40) {
    case ..<16: .plain(write())
    case ..<28: .alarm(alarm())
    case ..<32: .status
    case ..<35: .hashKV(Int64(dice.index(below: Int(revision) + 3)) - 1)
    case 35: .hash
    case 36: dice.oneIn(8) ? .defragment : .status
    case 37: dice.oneIn(8) ? .snapshot : .status
    default: .downgrade(downgrade())
    }
  }

  /// A put inside a transaction inside a transaction costs nothing in etcd's eyes, so that it
  /// passes behind an alarm for space (etcd quota.go costTxnReq). Here it does not.
  private mutating func write() -> RequestGenerator.Call {
    while true {
      let call = writes.next()
      guard case .txn(let request) = call, request.nestsPut else { return call }
    }
  }

  private mutating func alarm() -> EtcdAlarmRequest {
    var request = EtcdAlarmRequest()
    request.memberID = [0, 7, 8, .max][dice.index(below: 4)]
    // Raised less often than taken back, or nothing would be written any more.
    request.action =
      [.get, .get, .activate, .deactivate, .deactivate, .deactivate][dice.index(below: 6)]
    request.alarm = dice.oneIn(4) ? .none : .nospace
    if request.action != .activate, dice.oneIn(4) { request.alarm = .corrupt }
    return request
  }

  private mutating func downgrade() -> EtcdDowngradeRequest {
    let versions = [
      "3.4", "3.4.0", "3.5", "3.5.0", "3.6", "3.3", "4.4", "2.4", "", "3", "x", "3.4.0.1", "-1.2",
      "3..4", " 3.4", "3.4 ", "03.4", "3.04.0",
    ]
    var request = EtcdDowngradeRequest()
    request.version = versions[dice.index(below: versions.count)]
    request.action = [.validate, .enable, .cancel][dice.index(below: 3)]
    // This one etcd would begin.
    let begins = ["3.4", "3.4.0", "03.4", "3.04.0"]
    if request.action == .enable, begins.contains(request.version) { request.version = "3.6" }
    return request
  }
}

extension EtcdTxnRequest {
  /// There is a put in a transaction within it.
  fileprivate var nestsPut: Bool {
    (success + failure).contains { step in
      guard case .requestTxn(let nested) = step.request else { return false }
      return nested.nestsPut
        || (nested.success + nested.failure).contains { step in
          if case .requestPut = step.request { true } else { false }
        }
    }
  }
}
