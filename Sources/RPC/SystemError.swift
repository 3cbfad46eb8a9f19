#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The error numbers of the system that this module tells apart.
enum SystemError {
  static func isRefusal(_ number: CInt) -> Bool { number == ECONNREFUSED }

  static func listenFailure(_ number: CInt) -> ListenFailure? {
    switch number {
    case EADDRINUSE: .addressInUse
    case EADDRNOTAVAIL: .addressNotAvailable
    case EACCES, EPERM: .notPermitted
    default: nil
    }
  }
}
