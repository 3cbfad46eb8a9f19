public import EtcdAPI
public import KeyValue

extension EtcdStatus {
  public init(_ error: RequestError) {
    switch error {
    case .emptyKey: self = .keyNotProvided
    case .valueProvided: self = .valueProvided
    case .leaseProvided: self = .leaseProvided
    case .tooManyOperations: self = .tooManyOperations
    case .duplicateKey: self = .duplicateKey
    }
  }

  public init(_ error: CommandError) {
    switch error {
    case .compacted: self = .compacted
    case .futureRevision: self = .futureRevision
    case .keyNotFound: self = .keyNotFound
    case .leaseNotFound: self = .leaseNotFound
    case .leaseExists: self = .leaseExists
    case .noSpace: self = .noSpace
    }
  }
}
