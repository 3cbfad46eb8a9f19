import EtcdAPI

/// etcdctl's format `fields`: one line a field.
enum Fields {
  static func range(_ response: EtcdRangeResponse) -> String {
    header(response.header) + response.kvs.map { pair($0, prefix: "") }.joined()
      + line("More", response.more) + line("Count", response.count)
  }

  static func put(_ response: EtcdPutResponse) -> String {
    header(response.header) + (response.hasPrevKv ? pair(response.prevKv, prefix: "Prev") : "")
  }

  static func deleteRange(_ response: EtcdDeleteRangeResponse) -> String {
    header(response.header) + line("Deleted", response.deleted)
      + response.prevKvs.map { pair($0, prefix: "Prev") }.joined()
  }

  static func txn(_ response: EtcdTxnResponse) -> String {
    var text = header(response.header) + line("Succeeded", response.succeeded)
    for step in response.responses {
      switch step.response {
      case .responseRange(let response): text += range(response)
      case .responsePut(let response): text += put(response)
      case .responseDeleteRange(let response): text += deleteRange(response)
      case .responseTxn(let response): text += txn(response)
      case nil: break
      }
    }
    return text
  }

  static func memberList(_ response: EtcdMemberListResponse) -> String {
    header(response.header)
      + response.members.map { member in
        line("ID", member.id) + quoted("Name", member.name)
          + member.peerUrls.map { quoted("PeerURL", $0) }.joined()
          + member.clientUrls.map { quoted("ClientURL", $0) }.joined()
          + line("IsLearner", member.isLearner) + "\n"
      }.joined()
  }

  static func status(_ response: EtcdStatusResponse, endpoint: String) -> String {
    header(response.header) + quoted("Version", response.version)
      + line("DBSize", response.dbSize) + line("Leader", response.leader)
      + line("IsLearner", response.isLearner) + line("RaftIndex", response.raftIndex)
      + line("RaftTerm", response.raftTerm) + line("RaftAppliedIndex", response.raftAppliedIndex)
      + line("Errors", "[" + response.errors.joined(separator: " ") + "]")
      + quoted("Endpoint", endpoint) + "\n"
  }

  static func hashKV(_ response: EtcdHashKVResponse, endpoint: String) -> String {
    header(response.header) + quoted("Endpoint", endpoint) + line("Hash", response.hash) + "\n"
  }

  static func watch(_ response: EtcdWatchResponse) -> String {
    header(response.header)
      + response.events.map { event in
        line("Type", event.name) + (event.hasPrevKv ? pair(event.prevKv, prefix: "Prev") : "")
          + pair(event.kv, prefix: "")
      }.joined()
  }

  static func health(_ health: EndpointHealth) -> String {
    quoted("Endpoint", health.endpoint) + line("Health", health.isHealthy)
      + line("Took", health.took) + line("Error", health.error) + "\n"
  }

  static func header(_ header: EtcdResponseHeader) -> String {
    line("ClusterID", header.clusterID) + line("MemberID", header.memberID)
      + line("Revision", header.revision) + line("RaftTerm", header.raftTerm)
  }

  private static func pair(_ pair: EtcdKeyValue, prefix: String) -> String {
    "\"\(prefix)Key\" : \(GoText.quoted(pair.key))\n"
      + line(prefix + "CreateRevision", pair.createRevision)
      + line(prefix + "ModRevision", pair.modRevision) + line(prefix + "Version", pair.version)
      + "\"\(prefix)Value\" : \(GoText.quoted(pair.value))\n" + line(prefix + "Lease", pair.lease)
  }

  static func line(_ name: String, _ value: some CustomStringConvertible) -> String {
    "\"\(name)\" : \(value)\n"
  }

  private static func quoted(_ name: String, _ value: String) -> String {
    line(name, GoText.quoted(value.utf8))
  }
}
