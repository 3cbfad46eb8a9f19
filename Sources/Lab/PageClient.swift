import Foundation

/// Fetches small pages from members by HTTP/1.1, all at once, each within one
/// deadline: a paused member costs the deadline and not the screen.
struct PageClient {
  struct Request {
    /// An IPv4 address.
    var host = "127.0.0.1"
    var port: UInt16
    var method = "GET"
    var path: String
    var body = ""
  }

  struct Page {
    var status: Int
    var body: Data
  }

  /// The pages in the order of the requests; `nil`: no whole answer within the deadline.
  static func fetch(_ requests: [Request], withinMilliseconds limit: Int) -> [Page?] {
    var exchanges = requests.map { Exchange($0) }
    let end = now() + limit
    while now() < end, exchanges.contains(where: \.isOpen) {
      var waiting = exchanges.map { exchange in
        pollfd(
          fd: exchange.isOpen ? exchange.socket : -1,
          events: Int16(exchange.unsent.isEmpty ? POLLIN : POLLOUT), revents: 0)
      }
      guard poll(&waiting, nfds_t(waiting.count), Int32(max(1, end - now()))) > 0 else { continue }
      for number in exchanges.indices where waiting[number].revents != 0 {
        exchanges[number].advance()
      }
    }
    for exchange in exchanges where exchange.socket >= 0 { close(exchange.socket) }
    return exchanges.map { Page(response: $0.received) }
  }

  /// Milliseconds of a clock that never jumps.
  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  /// One request on its way. The connection is used once: its end is the answer's end.
  private struct Exchange {
    let socket: Int32
    var unsent: Data
    var received = Data()
    var isOpen: Bool

    init(_ request: Request) {
      socket = Glibc.socket(AF_INET, PageClient.kind, 0)
      unsent = Data(
        """
        \(request.method) \(request.path) HTTP/1.1\r
        Host: \(request.host):\(request.port)\r
        Connection: close\r
        Content-Length: \(request.body.utf8.count)\r
        \r
        \(request.body)
        """.utf8)
      isOpen = socket >= 0 && PageClient.startConnecting(socket, request.host, request.port)
    }

    mutating func advance() {
      if !unsent.isEmpty {
        let count = unsent.withUnsafeBytes {
          send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else {
          isOpen = count < 0 && errno == EAGAIN
          return
        }
        unsent = unsent.dropFirst(count)
        return
      }
      var chunk = [UInt8](repeating: 0, count: 16384)
      let count = recv(socket, &chunk, chunk.count, 0)
      guard count > 0 else {
        isOpen = count < 0 && errno == EAGAIN
        return
      }
      received += chunk[..<count]
      if received.count > 1 << 20 || Page(response: received) != nil { isOpen = false }
    }
  }

  private static let kind = Int32(
    SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  private static func startConnecting(_ socket: Int32, _ host: String, _ port: UInt16) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return false }
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, size) == 0 || errno == EINPROGRESS
      }
    }
  }
}

extension PageClient.Page {
  /// Reads a whole response with a Content-Length; `nil`: it is not whole or not HTTP.
  init?(response: Data) {
    guard let headEnd = response.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: response[..<headEnd.lowerBound], as: UTF8.self)
    let lines = head.components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    let field = lines.dropFirst().first { $0.lowercased().hasPrefix("content-length:") }
    let length = field.flatMap {
      Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces))
    }
    let body = response[headEnd.upperBound...]
    guard let length, body.count >= length else { return nil }
    self.init(status: status, body: Data(body.prefix(length)))
  }
}
