import EtcdAPI

/// What `endpoint health` found at one endpoint.
struct EndpointHealth {
  var endpoint: String
  var isHealthy: Bool
  /// As Go prints a duration; empty: there was no connection.
  var took: String
  /// Empty: none.
  var error: String
}

/// The answers of several members, in each format.
extension Printer {
  func memberList(_ response: EtcdMemberListResponse) throws(CommandFailure) -> String {
    let rows = response.members.map { member in
      [
        String(member.id, radix: 16), member.name.isEmpty ? "unstarted" : "started", member.name,
        member.peerUrls.joined(separator: ","), member.clientUrls.joined(separator: ","),
        String(member.isLearner),
      ]
    }
    switch format {
    case .simple: return Self.lines(rows)
    case .json:
      return (isHexadecimal ? GoJSON.hexadecimal(response) : GoJSON(response)).text + "\n"
    case .fields: return Fields.memberList(response)
    case .table:
      let headings = ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"]
      return GoTable(headings: headings, rows: rows).text
    case .protobuf: throw .unsupported(format)
    }
  }

  func status(
    _ answers: [(endpoint: String, status: EtcdStatusResponse)]
  ) throws(CommandFailure) -> String {
    let rows = answers.map { endpoint, status in
      [
        endpoint, String(status.header.memberID, radix: 16), status.version,
        GoText.size(UInt64(max(0, status.dbSize))),
        String(status.leader == status.header.memberID), String(status.isLearner),
        String(status.raftTerm), String(status.raftIndex), String(status.raftAppliedIndex),
        status.errors.joined(separator: ", "),
      ]
    }
    switch format {
    case .simple: return Self.lines(rows)
    case .json: return Self.json(answers.map { ($0, "Status", GoJSON($1)) })
    case .fields: return answers.map { Fields.status($1, endpoint: $0) }.joined()
    case .table:
      let headings = [
        "endpoint", "ID", "version", "db size", "is leader", "is learner", "raft term",
        "raft index", "raft applied index", "errors",
      ]
      return GoTable(headings: headings, rows: rows).text
    case .protobuf: throw .unsupported(format)
    }
  }

  func hashKV(
    _ answers: [(endpoint: String, hash: EtcdHashKVResponse)]
  ) throws(CommandFailure) -> String {
    let rows = answers.map { endpoint, hash in [endpoint, String(hash.hash)] }
    switch format {
    case .simple: return Self.lines(rows)
    case .json: return Self.json(answers.map { ($0, "HashKV", GoJSON($1)) })
    case .fields: return answers.map { Fields.hashKV($1, endpoint: $0) }.joined()
    case .table: return GoTable(headings: ["endpoint", "hash"], rows: rows).text
    case .protobuf: throw .unsupported(format)
    }
  }

  /// For the standard output, and in the format `simple` for the standard error too.
  func health(
    _ answers: [EndpointHealth]
  ) throws(CommandFailure) -> (output: String, errors: String) {
    switch format {
    case .simple:
      let well = answers.filter(\.isHealthy).map { answer in
        "\(answer.endpoint) is healthy: successfully committed proposal: took = \(answer.took)\n"
      }
      let ill = answers.filter { !$0.isHealthy }.map { answer in
        "\(answer.endpoint) is unhealthy: failed to commit proposal: \(answer.error)\n"
      }
      return (well.joined(), ill.joined())
    case .json:
      let objects = answers.map { answer in
        var object = GoJSON()
        object.always("endpoint", GoText.json(answer.endpoint))
        object.always("health", String(answer.isHealthy))
        object.always("took", GoText.json(answer.took))
        object.add("error", answer.error)
        return object.text
      }
      return (GoJSON.list(objects) + "\n", "")
    case .fields:
      return (answers.map { Fields.health($0) }.joined(), "")
    case .table:
      let rows = answers.map { [$0.endpoint, String($0.isHealthy), $0.took, $0.error] }
      let headings = ["endpoint", "health", "took", "error"]
      return (GoTable(headings: headings, rows: rows).text, "")
    case .protobuf: throw .unsupported(format)
    }
  }

  private static func lines(_ rows: [[String]]) -> String {
    rows.map { $0.joined(separator: ", ") + "\n" }.joined()
  }

  private static func json(_ answers: [(endpoint: String, name: String, GoJSON)]) -> String {
    let objects = answers.map { endpoint, name, body in
      var object = GoJSON()
      object.add("Endpoint", endpoint)
      object.always(name, body.text)
      return object.text
    }
    return GoJSON.list(objects) + "\n"
  }
}
