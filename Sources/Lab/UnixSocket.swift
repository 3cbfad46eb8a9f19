import Foundation

/// One line to a supervisor and one line back, over a socket in the file system.
enum UnixSocket {
  /// Sends `line` and returns the answer's line. *Throws* when nobody answers within the deadline.
  static func ask(_ path: String, _ line: Data, within seconds: Int) throws(LabError) -> Data {
    let socket = try open()
    defer { close(socket) }
    setDeadline(socket, seconds)
    guard withAddress(path, { connect(socket, $0, $1) }) == 0 else {
      throw LabError(
        .notObeyed, "the lab's supervisor does not answer; `quorate lab down` tidies up")
    }
    guard sendAll(socket, line + [0x0a]), let answer = readLine(socket) else {
      throw LabError(.notObeyed, "the lab's supervisor did not answer within \(seconds) s")
    }
    return answer
  }

  /// A listening socket that only this user may connect to.
  static func listen(at path: String) throws(LabError) -> Int32 {
    let socket = try open()
    unlink(path)
    let mask = umask(0o177)
    defer { umask(mask) }
    guard withAddress(path, { bind(socket, $0, $1) }) == 0, Glibc.listen(socket, 16) == 0 else {
      let reason = String(cString: strerror(errno))
      close(socket)
      throw LabError(.unavailable, "the control socket \(path) cannot be made: \(reason)")
    }
    return socket
  }

  /// The next connection, if one comes within the time-out.
  static func accept(_ socket: Int32, withinMilliseconds timeout: Int32) -> Int32? {
    var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, timeout) == 1 else { return nil }
    let connection = Glibc.accept(socket, nil, nil)
    guard connection >= 0 else { return nil }
    setDeadline(connection, 2)
    return connection
  }

  /// Up to a line feed, at most 1 MiB; `nil`: the connection ended or took too long.
  static func readLine(_ socket: Int32) -> Data? {
    var line = Data()
    var chunk = [UInt8](repeating: 0, count: 4096)
    while line.count < 1 << 20 {
      let count = recv(socket, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      if let end = chunk[..<count].firstIndex(of: 0x0a) { return line + chunk[..<end] }
      line += chunk[..<count]
    }
    return nil
  }

  static func sendAll(_ socket: Int32, _ bytes: Data) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private static func open() throws(LabError) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else {
      throw LabError(.unavailable, "no socket to be had: \(String(cString: strerror(errno)))")
    }
    return descriptor
  }

  private static func setDeadline(_ socket: Int32, _ seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      precondition(path.utf8.count < room.count, "\(path) is too long for a socket")
      room.copyBytes(from: path.utf8)
    }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }
}
