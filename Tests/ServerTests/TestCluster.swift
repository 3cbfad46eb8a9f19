import QuorateClient
import EtcdAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import Replica
import Storage
import Synchronization

@testable import Handlers
@testable import Host
@testable import Server

/// Members of one store in this process, on loopback, with files of their own.
final class TestCluster: Sendable {
  let directory: String
  let ports: [(client: Int, peer: Int)]
  private let isLab: Bool
  private let running = Mutex<[Int: MemberProcess]>([:])

  private init(count: Int, isLab: Bool) throws {
    directory = NSTemporaryDirectory() + "quorate-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let free = try Self.freePorts(count * 2)
    ports = (0..<count).map { (free[2 * $0], free[2 * $0 + 1]) }
    self.isLab = isLab
  }

  /// Runs a test on members 1 to `count`, and leaves neither threads nor files behind.
  static func run(
    _ count: Int, isLab: Bool = false, started: Bool = true,
    _ test: (TestCluster) async throws -> Void
  ) async throws {
    let cluster = try TestCluster(count: count, isLab: isLab)
    var failure: (any Error)?
    do {
      if started { for number in 1...count { try await cluster.start(number) } }
      try await test(cluster)
    } catch {
      failure = error
    }
    for process in cluster.running.withLock({ $0.values.map { $0 } }) { await process.abandon() }
    try? FileManager.default.removeItem(atPath: cluster.directory)
    if let failure { throw failure }
  }

  /// Ports that nobody listens on now.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      sockets.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          bind(descriptor, pointer, length) == 0
            && getsockname(descriptor, pointer, &length) == 0
        }
      }
      guard isBound else { throw Overdue(what: "a free port") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }

  func flags(_ number: Int) -> MemberFlags {
    let port = ports[number - 1]
    var flags = MemberFlags()
    flags.name = "n\(number)"
    flags.dataDirectory = directory + "/n\(number)"
    flags.listenClientURLs = "http://127.0.0.1:\(port.client)"
    flags.listenPeerURLs = "http://127.0.0.1:\(port.peer)"
    flags.initialCluster = ports.enumerated().map { "n\($0 + 1)=http://127.0.0.1:\($1.peer)" }
      .joined(separator: ",")
    flags.heartbeatMilliseconds = 40
    flags.electionMilliseconds = 400
    flags.isLab = isLab
    return flags
  }

  @discardableResult
  func start(
    _ number: Int, _ change: (inout MemberFlags) -> Void = { _ in },
    settings changeSettings: (inout MemberSettings) -> Void = { _ in },
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) async throws -> MemberProcess {
    var flags = flags(number)
    change(&flags)
    var settings = try flags.settings()
    changeSettings(&settings)
    let process = try await MemberProcess.start(settings, logger: logger)
    running.withLock { $0[number] = process }
    return process
  }

  /// Puts what was a member's data directory aside, or something that was put aside in its place.
  func moveDirectory(_ name: String, to other: String) throws {
    let target = directory + "/" + other
    if FileManager.default.fileExists(atPath: target) {
      try FileManager.default.removeItem(atPath: target)
    }
    try FileManager.default.moveItem(atPath: directory + "/" + name, toPath: target)
  }

  func process(_ number: Int) -> MemberProcess? { running.withLock { $0[number] } }

  /// How a start is refused; `nil`: it is not.
  func refusal(
    _ number: Int, _ change: (inout MemberFlags) -> Void = { _ in }
  ) async throws -> ServerExit? {
    do {
      try await start(number, change)
      return nil
    } catch let exit as ServerExit {
      return exit
    }
  }

  func shutDown(_ number: Int) async {
    await running.withLock { $0.removeValue(forKey: number) }?.shutDown()
  }

  func abandon(_ number: Int) async {
    await running.withLock { $0.removeValue(forKey: number) }?.abandon()
  }

  /// A client of these members; without numbers, of all.
  func client(_ numbers: Int...) throws -> EtcdClient {
    let numbers = numbers.isEmpty ? Array(1...ports.count) : numbers
    return EtcdClient(
      endpoints: try numbers.map { try Endpoint("127.0.0.1:\(ports[$0 - 1].client)") })
  }

  // MARK: Pages

  struct Page {
    var status: Int
    var body: Data

    func json() throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: body) as? [String: Any] ?? [:]
    }
  }

  func page(
    _ number: Int, _ path: String, method: String = "GET", body: String = ""
  ) async throws -> Page {
    let request =
      "\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let answer = try await call(ports[number - 1].client, Array(request.utf8))
    guard let end = answer.firstRange(of: Data("\r\n\r\n".utf8)) else {
      throw Overdue(what: "an answer to \(path)")
    }
    let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self)
    let status = Int(head.split(separator: " ")[1]) ?? 0
    return Page(status: status, body: Data(answer[end.upperBound...]))
  }

  /// Sends these bytes to a port of this machine. Returns what comes back until the other side
  /// closes.
  func call(_ port: Int, _ bytes: [UInt8]) async throws -> Data {
    let group = MultiThreadedEventLoopGroup.singleton
    let promise = group.next().makePromise(of: Data.self)
    let channel = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(promise))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    return try await promise.futureResult.get()
  }

  func status(_ number: Int) async throws -> [String: Any] {
    try await page(number, "/lab/status").json()
  }

  /// Cuts or heals every link of one member, at both ends; `members`: those that run.
  func setLinks(of number: Int, _ state: String, at members: [Int]? = nil) async throws {
    for member in members ?? Array(1...ports.count) {
      let peer = member == number ? "*" : "n\(number)"
      let order =
        "{\"links\":[{\"peer\":\"\(peer)\",\"send\":\"\(state)\",\"receive\":\"\(state)\"}]}"
      let page = try await page(member, "/lab/links", method: "POST", body: order)
      guard page.status == 200 else { throw Overdue(what: "the link switch of n\(member)") }
    }
  }

  func setDisk(of number: Int, _ order: String) async throws {
    let page = try await page(number, "/lab/disk", method: "POST", body: order)
    guard page.status == 200 else { throw Overdue(what: "the disk of n\(number)") }
  }

  /// What comes of a put that is to fail; `nil`: it went well.
  func failure(of client: EtcdClient) async -> ClientError? {
    do throws(ClientError) {
      _ = try await client.put("refused", "")
      return nil
    } catch {
      return error
    }
  }

  /// How a member ended by itself.
  func ended(_ number: Int) async -> ServerExit? {
    await running.withLock { $0[number] }?.ended()
  }

  // MARK: Waiting

  struct Overdue: Error { var what: String }

  /// Tries until the condition holds, ten seconds at most.
  func wait(
    for what: String, _ condition: () async throws -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
      if try await condition() { return }
      await Task.yield()
    }
    throw Overdue(what: what)
  }

  /// Puts as soon as somebody leads.
  func put(_ key: String, _ value: String, with client: EtcdClient) async throws {
    try await wait(for: "a put") { (try? await client.put(key, value)) != nil }
  }

  /// The number of the member that leads.
  func leader() async throws -> Int {
    var leader: Int?
    try await wait(for: "a leader") {
      for number in running.withLock({ $0.keys.sorted() }) {
        let text = String(decoding: try await page(number, "/metrics").body, as: UTF8.self)
        if text.contains("etcd_server_is_leader 1\n") { leader = number }
      }
      return leader != nil
    }
    return leader!
  }
}

/// Everything until the other side closes.
private final class Collector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let promise: EventLoopPromise<Data>
  private var data = Data()

  init(_ promise: EventLoopPromise<Data>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.data.append(contentsOf: unwrapInboundIn(data).readableBytesView)
  }

  func channelInactive(context: ChannelHandlerContext) { promise.succeed(data) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
