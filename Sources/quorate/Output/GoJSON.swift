import EtcdAPI
import Foundation

/// One JSON object as encoding/json writes etcd's structs: fields in declared order, bytes in
/// base64, and what has its zero value left out (`omitempty`).
struct GoJSON {
  private var fields: [String] = []

  var text: String { "{" + fields.joined(separator: ",") + "}" }

  /// Written whatever the value is.
  mutating func always(_ name: String, _ json: String) {
    fields.append(GoText.json(name) + ":" + json)
  }

  mutating func add(_ name: String, _ number: some FixedWidthInteger) {
    if number != 0 { always(name, String(number)) }
  }

  mutating func add(_ name: String, _ flag: Bool) {
    if flag { always(name, "true") }
  }

  mutating func add(_ name: String, _ string: String) {
    if !string.isEmpty { always(name, GoText.json(string)) }
  }

  mutating func add(_ name: String, _ bytes: Data) {
    if !bytes.isEmpty { always(name, "\"" + bytes.base64EncodedString() + "\"") }
  }

  /// `elements` are JSON already.
  mutating func add(_ name: String, list elements: [String]) {
    if !elements.isEmpty { always(name, Self.list(elements)) }
  }

  static func list(_ elements: [String]) -> String {
    "[" + elements.joined(separator: ",") + "]"
  }
}

/// etcd's messages, field by field in the order of etcd's Go structs (etcd rpc.pb.go, kv.pb.go).
extension GoJSON {
  init(_ header: EtcdResponseHeader) {
    add("cluster_id", header.clusterID)
    add("member_id", header.memberID)
    add("revision", header.revision)
    add("raft_term", header.raftTerm)
  }

  init(_ pair: EtcdKeyValue) {
    add("key", pair.key)
    add("create_revision", pair.createRevision)
    add("mod_revision", pair.modRevision)
    add("version", pair.version)
    add("value", pair.value)
    add("lease", pair.lease)
  }

  init(_ response: EtcdRangeResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("kvs", list: response.kvs.map { GoJSON($0).text })
    add("more", response.more)
    add("count", response.count)
  }

  init(_ response: EtcdPutResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    if response.hasPrevKv { always("prev_kv", GoJSON(response.prevKv).text) }
  }

  init(_ response: EtcdDeleteRangeResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("deleted", response.deleted)
    add("prev_kvs", list: response.prevKvs.map { GoJSON($0).text })
  }

  init(_ response: EtcdTxnResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("succeeded", response.succeeded)
    add("responses", list: response.responses.map { GoJSON($0).text })
  }

  init(_ step: EtcdResponseOp) {
    var inner = GoJSON()
    switch step.response {
    case .responseRange(let range): inner.always("response_range", GoJSON(range).text)
    case .responsePut(let put): inner.always("response_put", GoJSON(put).text)
    case .responseDeleteRange(let deletion):
      inner.always("response_delete_range", GoJSON(deletion).text)
    case .responseTxn(let txn): inner.always("response_txn", GoJSON(txn).text)
    case nil: break
    }
    always("Response", inner.text)
  }

  init(_ event: EtcdEvent) {
    add("type", event.type.rawValue)
    if event.hasKv { always("kv", GoJSON(event.kv).text) }
    if event.hasPrevKv { always("prev_kv", GoJSON(event.prevKv).text) }
  }

  /// Not the message but clientv3's own struct, which leaves nothing out.
  init(_ response: EtcdWatchResponse) {
    always("Header", GoJSON(response.header).text)
    always("Events", Self.list(response.events.map { GoJSON($0).text }))
    always("CompactRevision", String(response.compactRevision))
    always("Canceled", String(response.canceled))
    always("Created", String(response.created))
  }

  init(_ member: EtcdMember) {
    add("ID", member.id)
    add("name", member.name)
    add("peerURLs", list: member.peerUrls.map { GoText.json($0) })
    add("clientURLs", list: member.clientUrls.map { GoText.json($0) })
    add("isLearner", member.isLearner)
  }

  init(_ response: EtcdMemberListResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("members", list: response.members.map { GoJSON($0).text })
  }

  /// With ids in hexadecimal, as texts: etcdctl's own, down to the spelling of `clientURLS`
  /// (etcd etcdctl/ctlv3/command/printer_json.go).
  static func hexadecimal(_ response: EtcdMemberListResponse) -> GoJSON {
    func id(_ number: UInt64) -> String { GoText.json(String(number, radix: 16)) }
    func urls(_ urls: [String]) -> String {
      urls.isEmpty ? "null" : list(urls.map { GoText.json($0) })
    }
    var header = GoJSON()
    header.always("cluster_id", id(response.header.clusterID))
    header.always("member_id", id(response.header.memberID))
    header.always("raft_term", String(response.header.raftTerm))
    let members = response.members.map { member in
      var object = GoJSON()
      object.always("ID", id(member.id))
      object.always("name", GoText.json(member.name))
      object.always("peerURLs", urls(member.peerUrls))
      object.always("clientURLS", urls(member.clientUrls))
      object.add("isLearner", member.isLearner)
      return object.text
    }
    var object = GoJSON()
    object.always("header", header.text)
    object.always("members", list(members))
    return object
  }

  init(_ response: EtcdStatusResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("version", response.version)
    add("dbSize", response.dbSize)
    add("leader", response.leader)
    add("raftIndex", response.raftIndex)
    add("raftTerm", response.raftTerm)
    add("raftAppliedIndex", response.raftAppliedIndex)
    add("errors", list: response.errors.map { GoText.json($0) })
    add("dbSizeInUse", response.dbSizeInUse)
    add("isLearner", response.isLearner)
  }

  init(_ response: EtcdHashKVResponse) {
    if response.hasHeader { always("header", GoJSON(response.header).text) }
    add("hash", response.hash)
    add("compact_revision", response.compactRevision)
  }
}
