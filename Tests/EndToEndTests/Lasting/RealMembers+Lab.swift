import QuorateClient
import Foundation

@testable import Lab

/// What members say of themselves on the lab's pages, and are told there.
extension RealMembers {
  /// The lab's pages, and a log that is soon compacted.
  static let labFlags = ["--lab", "--snapshot-count", "50"]

  private func request(_ number: Int, _ path: String) -> PageClient.Request {
    PageClient.Request(
      host: clientHost(number), port: UInt16(ports[number - 1].client), path: path)
  }

  /// In order; `nil`: no answer.
  func pages() -> [MemberPage?] {
    let requests = (1...ports.count).map { request($0, "/lab/status") }
    return PageClient.fetch(requests, withinMilliseconds: 500).map { $0?.memberPage }
  }

  /// Starts all. Returns the leader, once every member knows it, and a follower.
  func startAll() throws -> (leader: Int, follower: Int) {
    for number in 1...ports.count { try start(number, Self.labFlags) }
    try eventually("a leader, and every member knows it", within: 30) { isSettled }
    guard let leader else { throw TooLate(description: "nobody leads") }
    return (leader, leader == 1 ? 2 : 1)
  }

  // MARK: A snapshot under way

  /// Ends the follower, and lets the others compact what it would have needed.
  func leaveBehind(_ follower: Int) async throws {
    stop(follower, with: SIGKILL)
    try await write(megabytes: 10, at: (1...ports.count).filter { $0 != follower })
  }

  /// Starts the follower on a slow line, and waits until a snapshot is under way to it.
  func bringUp(_ follower: Int) throws {
    try hosts?.slow(follower)
    try start(follower, Self.labFlags)
    try eventually("a snapshot is under way to n\(follower)", within: 20) {
      try log(follower).contains("receives a snapshot")
    }
  }

  // MARK: Pages

  /// Every member knows a leader, and hears all.
  var isSettled: Bool {
    pages().allSatisfy { $0?.leader != nil && $0?.heard == ports.count }
  }

  /// All members answer, and hold the same.
  var isSame: Bool {
    let states = pages().map { page in page.map { "\($0.applied) \($0.hash)" } }
    return states.allSatisfy { $0 != nil && $0 == states[0] }
  }

  /// `nil`: nobody that answers.
  var leader: Int? { pages().firstIndex { $0?.role == "leader" }.map { $0 + 1 } }

  /// Gives an order; *throws* if it is not obeyed.
  func order(_ number: Int, _ path: String, _ body: String) throws {
    var request = request(number, path)
    request.method = "POST"
    request.body = body
    guard PageClient.fetch([request], withinMilliseconds: 2_000)[0]?.status == 200 else {
      throw TooLate(description: "n\(number) does not obey \(path)")
    }
  }

  /// Makes the state so large at least, by entries that a log does not keep for long.
  func write(megabytes: Int, at numbers: [Int]) async throws {
    let client = EtcdClient(endpoints: try numbers.map { try endpoint($0) })
    let value = String(repeating: "v", count: 50_000)
    for number in 1...megabytes * 20 { try await client.put("large/\(number)", value) }
    await client.close()
  }
}

extension PageClient.Page {
  /// `nil`: it is no status of a member.
  var memberPage: MemberPage? { try? JSONDecoder().decode(MemberPage.self, from: body) }
}
