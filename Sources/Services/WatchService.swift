public import EtcdAPI
public import KeyValue

/// The service `etcdserverpb.Watch` without its sockets: messages become orders to the hub, and
/// the hub's responses become messages.
public enum WatchService {
  /// What a client's message asks for.
  public enum Order: Hashable, Sendable {
    case create(WatchRequest)
    case cancel(Int64)
    case progress
    /// A message that asks for nothing; etcd passes over it.
    case nothing
  }

  public static func order(body: [UInt8]) throws(EtcdStatus) -> Order {
    let message: EtcdWatchRequest = try decoded(body)
    return switch message.requestUnion {
    case .createRequest(let create): .create(WatchRequest(create))
    case .cancelRequest(let cancel): .cancel(cancel.watchID)
    case .progressRequest: .progress
    case nil: .nothing
    }
  }

  /// A response that brings no events.
  public static func message(_ response: WatchResponse, _ header: AnswerHeader) -> [UInt8] {
    var message = EtcdWatchResponse()
    message.header = header.message(revision: response.revision)
    message.watchID = response.watch
    switch response.content {
    case .created: message.created = true
    case .refused(let refusal):
      message.created = true
      message.canceled = true
      message.cancelReason = text(refusal)
    case .cancelled: message.canceled = true
    case .compacted(let revision):
      message.canceled = true
      message.compactRevision = revision
    case .ended(let resume):
      message.canceled = true
      message.cancelReason = "quorate: the watch was ended; resume at revision \(resume)"
    case .progress: break
    case .events: preconditionFailure("events are encoded one by one")
    }
    return message.encodedBytes
  }

  /// etcd mvcc/watcher.go, and where etcd has no bound, what it says of too many requests.
  private static func text(_ refusal: WatchRefusal) -> String {
    switch refusal {
    case .emptyRange: "mvcc: watcher range is empty"
    case .duplicateID: "mvcc: duplicate watch ID provided on the WatchStream"
    case .tooMany: EtcdStatus.tooManyRequests.text
    }
  }
}

extension WatchRequest {
  /// An empty key stands for the first of all keys, a zero byte (etcd v3rpc/watch.go recvLoop).
  init(_ message: EtcdWatchCreateRequest) {
    let range = KeyRange(key: message.key, end: message.rangeEnd)
    self.init(range: range.key.isEmpty ? KeyRange(key: [0], end: range.end) : range)
    id = message.watchID
    startRevision = message.startRevision
    withoutPuts = message.filters.contains(.noput)
    withoutDeletes = message.filters.contains(.nodelete)
    previousPairs = message.prevKv
    progressNotify = message.progressNotify
    fragment = message.fragment
  }
}
