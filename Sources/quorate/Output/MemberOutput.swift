import EtcdAPI

/// Answers about changes of the members (etcdctl member_command.go, printer_simple.go).
extension Printer {
  func added(
    _ response: EtcdMemberAddResponse, name: String
  ) throws(CommandFailure) -> String {
    switch format {
    case .simple:
      Self.line("added to", response.member.id, response.header)
        + Self.environment(response, name: name)
    case .json: GoJSON(response).text + "\n"
    case .fields, .table, .protobuf: throw .unsupported(format)
    }
  }

  func replaced(
    _ old: EtcdMember, _ response: EtcdMemberAddResponse
  ) throws(CommandFailure) -> String {
    switch format {
    case .simple:
      "Member \(GoText.member(response.member.id)) replaces \(GoText.member(old.id)) in cluster "
        + GoText.member(response.header.clusterID) + "\n"
        + Self.environment(response, name: old.name, without: old.id)
    case .json: GoJSON(response).text + "\n"
    case .fields, .table, .protobuf: throw .unsupported(format)
    }
  }

  /// `deed`: as in "removed from".
  func changed(
    _ deed: String, _ id: UInt64, _ header: EtcdResponseHeader, _ json: GoJSON
  ) throws(CommandFailure) -> String {
    switch format {
    case .simple: Self.line(deed, id, header)
    case .json: json.text + "\n"
    case .fields, .table, .protobuf: throw .unsupported(format)
    }
  }

  func leaderMoved(from old: UInt64, to new: UInt64) throws(CommandFailure) -> String {
    switch format {
    case .simple:
      "Leadership transferred from \(GoText.member(old)) to \(GoText.member(new))\n"
    case .json: "{}\n"
    // An empty message.
    case .protobuf: ""
    case .fields, .table: throw .unsupported(format)
    }
  }

  private static func line(_ deed: String, _ id: UInt64, _ header: EtcdResponseHeader) -> String {
    "Member \(GoText.member(id)) \(deed) cluster \(GoText.member(header.clusterID))\n"
  }

  /// What to start the new member with; `quorate server` takes the same as flags.
  private static func environment(
    _ response: EtcdMemberAddResponse, name: String, without old: UInt64? = nil
  ) -> String {
    var list: [String] = []
    for member in response.members where member.id != old {
      let name = member.id == response.member.id ? name : member.name
      list += member.peerUrls.map { "\(name)=\($0)" }
    }
    return """

      ETCD_NAME="\(name)"
      ETCD_INITIAL_CLUSTER="\(list.joined(separator: ","))"
      ETCD_INITIAL_ADVERTISE_PEER_URLS="\(response.member.peerUrls.joined(separator: ","))"
      ETCD_INITIAL_CLUSTER_STATE="existing"

      """
  }
}

extension GoText {
  /// A member's or cluster's id as `%16x` prints it.
  static func member(_ id: UInt64) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: " ", count: 16 - digits.count) + digits
  }
}

extension GoJSON {
  init(_ response: EtcdMemberAddResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    if response.hasMember { always("member", GoJSON(response.member).text) }
    add("members", list: response.members.map { GoJSON($0).text })
  }

  init(_ response: EtcdMemberRemoveResponse) {
    self.init(response.hasHeader ? response.header : nil, response.members)
  }

  init(_ response: EtcdMemberUpdateResponse) {
    self.init(response.hasHeader ? response.header : nil, response.members)
  }

  init(_ response: EtcdMemberPromoteResponse) {
    self.init(response.hasHeader ? response.header : nil, response.members)
  }

  private init(_ header: EtcdResponseHeader?, _ members: [EtcdMember]) {
    if let header { always("header", GoJSON(header).text) }
    add("members", list: members.map { GoJSON($0).text })
  }
}
