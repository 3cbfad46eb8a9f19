public import Foundation

/// The requests that locks and elections are made of, the same as etcd's clients make them (etcd
/// client/v3/concurrency).
///
/// Both work in one way: everybody puts a key of its own below the name, and whose key is the
/// oldest has won. The key hangs on its owner's lease, and its create revision is the fencing
/// token.
public enum LockRequests {
  /// Below it lie the keys of all who take part.
  public static func prefix(of name: Data) -> Data { name + Data("/".utf8) }

  /// The key of whoever holds the lease.
  public static func key(in name: Data, lease: Int64) -> Data {
    prefix(of: name) + Data(String(lease, radix: 16).utf8)
  }

  /// Makes the key unless it is there, and tells it and the winner.
  public static func enter(
    _ name: Data, lease: Int64, value: Data = Data()
  ) -> EtcdTxnRequest {
    let key = key(in: name, lease: lease)
    return .make {
      $0.compare = [created(key, at: 0)]
      $0.success = [
        put(key, value, lease: lease), .make { $0.requestRange = first(in: name) },
      ]
      $0.failure = [
        .make { $0.requestRange = .make { $0.key = key } },
        .make { $0.requestRange = first(in: name) },
      ]
    }
  }

  /// The oldest key.
  public static func first(in name: Data) -> EtcdRangeRequest {
    .make {
      ($0.key, $0.rangeEnd) = (prefix(of: name), end(of: name))
      ($0.sortTarget, $0.sortOrder) = (.create, .ascend)
      $0.limit = 1
    }
  }

  /// The youngest of the keys that are older than the one made at `revision`, and that one itself,
  /// as of one moment.
  public static func predecessor(
    of key: Data, in name: Data, madeAt revision: Int64
  ) -> EtcdTxnRequest {
    let older = EtcdRangeRequest.make {
      ($0.key, $0.rangeEnd) = (prefix(of: name), end(of: name))
      ($0.sortTarget, $0.sortOrder) = (.create, .descend)
      $0.maxCreateRevision = revision - 1
      $0.limit = 1
    }
    return .make {
      $0.success = [
        .make { $0.requestRange = older },
        .make { $0.requestRange = .make { $0.key = key } },
      ]
    }
  }

  /// Changes the value of a leader's key, if it is still the one that has won.
  public static func proclaim(_ leader: EtcdLeaderKey, value: Data) -> EtcdTxnRequest {
    .make {
      $0.compare = [created(leader.key, at: leader.rev)]
      $0.success = [put(leader.key, value, lease: leader.lease)]
    }
  }

  /// Deletes a key, if it is still the one that was made then.
  public static func resign(_ key: Data, madeAt revision: Int64) -> EtcdTxnRequest {
    .make {
      $0.compare = [created(key, at: revision)]
      $0.success = [.make { $0.requestDeleteRange = .make { $0.key = key } }]
    }
  }

  /// A condition that holds while the key is the one that was made at `revision`. In a transaction
  /// it is what makes a fencing token safe: whoever has lost the lock changes nothing.
  public static func created(_ key: Data, at revision: Int64) -> EtcdCompare {
    .make {
      $0.key = key
      ($0.target, $0.result) = (.create, .equal)
      $0.createRevision = revision
    }
  }

  /// The first key behind the prefix.
  public static func end(of name: Data) -> Data { name + Data([UInt8(ascii: "/") + 1]) }

  private static func put(_ key: Data, _ value: Data, lease: Int64) -> EtcdRequestOp {
    .make {
      $0.requestPut = .make {
        $0.key = key
        $0.value = value
        $0.lease = lease
      }
    }
  }
}
