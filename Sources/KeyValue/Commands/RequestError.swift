/// Why a request is refused before anybody proposes it. `Services` gives it etcd's code and text.
public enum RequestError: Error, Hashable, Sendable {
  case emptyKey
  /// A value together with `ignoreValue`.
  case valueProvided
  /// A lease together with `ignoreLease`.
  case leaseProvided
  /// A list of a transaction is longer than allowed, or the lists above it leave less room.
  case tooManyOperations
  /// A transaction writes a key twice.
  case duplicateKey
}
