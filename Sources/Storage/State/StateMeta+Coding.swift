import KeyValue

/// The meta row of a state file and the head of a snapshot: fixed order, little-endian.
extension StateMeta {
  func encode(into bytes: inout [UInt8]) {
    bytes.append(number: appliedIndex)
    bytes.append(number: appliedTerm)
    bytes.append(number: revision)
    bytes.append(number: compactRevision)
    bytes.append(number: purgedRevision)
    bytes.append(number: lastRow)
    bytes.append(number: rowCount)
    digest.encode(into: &bytes)
    presentDigest.encode(into: &bytes)
    bytes.append(number: leases.time)
    bytes.append(number: leases.count)
    leases.digest.encode(into: &bytes)
    bytes.append(number: UInt32(alarms.count))
    for alarm in alarms {
      bytes.append(number: alarm.kind.rawValue)
      bytes.append(number: alarm.member)
    }
  }

  /// What was written before there were leases ends before them, and what was written before there
  /// were alarms before those. `nil`: the bytes end too early.
  init?(from cursor: inout ByteCursor) {
    guard let appliedIndex = cursor.number(UInt64.self),
      let appliedTerm = cursor.number(UInt64.self), let revision = cursor.number(Int64.self),
      let compactRevision = cursor.number(Int64.self),
      let purgedRevision = cursor.number(Int64.self), let lastRow = cursor.number(Int64.self),
      let rowCount = cursor.number(Int64.self), let digest = StateDigest(from: &cursor),
      let presentDigest = StateDigest(from: &cursor)
    else { return nil }
    self.init(
      appliedIndex: appliedIndex, appliedTerm: appliedTerm, revision: revision,
      compactRevision: compactRevision, purgedRevision: purgedRevision, lastRow: lastRow,
      rowCount: rowCount, digest: digest, presentDigest: presentDigest)
    guard cursor.remaining > 0 else { return }
    guard let time = cursor.number(Int64.self), let count = cursor.number(Int64.self),
      let leaseDigest = StateDigest(from: &cursor)
    else { return nil }
    leases = LeaseMeta(time: time, count: count, digest: leaseDigest)
    guard cursor.remaining > 0 else { return }
    guard let alarms = [Alarm](from: &cursor) else { return nil }
    self.alarms = alarms
  }
}

extension [Alarm] {
  /// `nil`: the bytes end too early, or are no alarms in their order.
  fileprivate init?(from cursor: inout ByteCursor) {
    guard let count = cursor.number(UInt32.self) else { return nil }
    self.init()
    for _ in 0..<count {
      guard let kind = cursor.number(UInt8.self).flatMap(AlarmKind.init(rawValue:)),
        let member = cursor.number(UInt64.self)
      else { return nil }
      let alarm = Alarm(member: member, kind: kind)
      guard last.map({ $0 < alarm }) ?? true else { return nil }
      append(alarm)
    }
  }
}

extension StateDigest {
  fileprivate func encode(into bytes: inout [UInt8]) {
    bytes.append(number: lanes.0)
    bytes.append(number: lanes.1)
    bytes.append(number: lanes.2)
    bytes.append(number: lanes.3)
  }

  fileprivate init?(from cursor: inout ByteCursor) {
    guard let lane0 = cursor.number(UInt64.self), let lane1 = cursor.number(UInt64.self),
      let lane2 = cursor.number(UInt64.self), let lane3 = cursor.number(UInt64.self)
    else { return nil }
    self.init(lanes: (lane0, lane1, lane2, lane3))
  }
}
