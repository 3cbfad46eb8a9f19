/// Why a request is refused before anybody proposes it. `Services` gives it etcd's code and text.
public enum RequestError: Error, Hashable, Sendable {
  case emptyKey
  /// A value together with `ignoreValue`.
  case valueProvided
  /// A lease together with `ignoreLease`.
  case leaseProvided
  /// A list of a transaction is longer than allowed.
  case tooManyOperations
  /// A transaction writes a key twice.
  case duplicateKey
}

extension RangeRequest {
  public func validate() throws(RequestError) {}
}

extension PutRequest {
  public func validate() throws(RequestError) {}
}

extension DeleteRangeRequest {
  public func validate() throws(RequestError) {}
}

extension TxnRequest {
  /// Nothing in it, nested ones included, can write, whichever way the compares go.
  public var isReadOnly: Bool { false }

  public func validate(limitOperations: Int = 128) throws(RequestError) {}
}
