import EtcdAPI
import Server

/// Answers of the maintenance commands (etcdctl printer_simple.go, printer_fields.go).
extension Printer {
  func snapshot(_ file: SnapshotFile) throws(CommandFailure) -> String {
    let hash = String(file.hash, radix: 16)
    let row = [
      hash, String(file.revision), String(file.rowCount),
      GoText.size(UInt64(max(0, file.sizeBytes))),
    ]
    switch format {
    case .simple: return row.joined(separator: ", ") + "\n"
    case .json:
      var object = GoJSON()
      object.always("hash", String(file.hash))
      object.always("revision", String(file.revision))
      object.always("totalKey", String(file.rowCount))
      object.always("totalSize", String(file.sizeBytes))
      return object.text + "\n"
    case .fields:
      return Fields.line("Hash", file.hash) + Fields.line("Revision", file.revision)
        + Fields.line("Keys", file.rowCount) + Fields.line("Size", file.sizeBytes)
    case .table:
      let headings = ["hash", "revision", "total keys", "total size"]
      return GoTable(headings: headings, rows: [row]).text
    case .protobuf: throw .unsupported(format)
    }
  }

  /// `header`: `disarm` gathers several answers and has none.
  func alarms(
    _ alarms: [EtcdAlarmMember], header: EtcdResponseHeader?
  ) throws(CommandFailure) -> String {
    switch format {
    case .simple: return alarms.map { $0.goText + "\n" }.joined()
    case .json:
      var object = GoJSON()
      if let header { object.always("header", GoJSON(header).text) }
      object.add("alarms", list: alarms.map { GoJSON($0).text })
      return object.text + "\n"
    case .fields:
      return (header.map(Fields.header) ?? "")
        + alarms.map { alarm in
          Fields.line("MemberID", alarm.memberID) + Fields.line("AlarmType", alarm.kind) + "\n"
        }.joined()
    case .table, .protobuf: throw .unsupported(format)
    }
  }
}

extension EtcdAlarmMember {
  /// The alarm's name, or its number if it has none.
  fileprivate var kind: String {
    switch alarm {
    case .none: "NONE"
    case .nospace: "NOSPACE"
    case .corrupt: "CORRUPT"
    case .UNRECOGNIZED(let number): String(number)
    }
  }

  /// As gogo/protobuf's compact text has it: what is zero is left out, a space behind each field.
  fileprivate var goText: String {
    (memberID == 0 ? "" : "memberID:\(memberID) ") + (alarm == .none ? "" : "alarm:\(kind) ")
  }
}

extension GoJSON {
  fileprivate init(_ alarm: EtcdAlarmMember) {
    self.init()
    add("memberID", alarm.memberID)
    add("alarm", alarm.alarm.rawValue)
  }
}
