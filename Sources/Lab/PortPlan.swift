import Foundation

/// Which ports the members of a lab use: blocks of a hundred, so that two labs can stand side by
/// side and a port tells its member.
struct PortPlan {
  let base: Int

  func client(_ number: MemberNumber) -> Int { base + number }
  func peer(_ number: MemberNumber) -> Int { base + 50 + number }

  /// The first block with every port free.
  static func free(for members: Int) throws(LabError) -> PortPlan {
    for base in stride(from: 23_700, to: 32_700, by: 100) {
      let plan = PortPlan(base: base)
      let ports = (1...members).flatMap { [plan.client($0), plan.peer($0)] }
      if ports.allSatisfy(isFree) { return plan }
    }
    throw LabError(.unavailable, "no block of free ports between 23700 and 32700")
  }

  private static func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // As the server listens: a port whose last connection is still winding down is free.
    var reuse: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
    }
  }
}
