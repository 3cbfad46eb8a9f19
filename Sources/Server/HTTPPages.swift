import FaultyStorage
import Foundation
import NIOCore
import RPC
import Storage

/// The pages on the client port: `/health`, `/version`, `/metrics` as etcd has them, and the lab's.
struct HTTPPages: Sendable {
  let door: ReplicaDoor
  let metrics: Metrics
  /// The disk of a lab's member; `nil`: the lab's pages are not there.
  let disk: FaultyDisk?

  func handle(_ call: HTTPCall) {
    switch (call.request.method, call.request.path) {
    case ("GET", "/health"):
      visit(call, knowing: true) { home in
        let illness = home.illness
        let reason = JSONText.quoted(illness ?? "")
        let text = "{\"health\":\"\(illness == nil)\",\"reason\":\(reason)}"
        return .json(text, status: illness == nil ? 200 : 503)
      }
    case ("GET", "/version"):
      call.answer(
        .json(
          "{\"etcdserver\":\"\(Version.etcd)\",\"etcdcluster\":\"\(Version.cluster)\","
            + "\"quorate\":\"\(Version.quorate)\"}"))
    case ("GET", "/metrics"):
      visit(call) { [metrics] home in
        HTTPResponse(
          status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
          body: Array(metrics.text(home.gauges).utf8))
      }
    default:
      guard let disk, handle(call, labDisk: disk) else {
        return call.answer(HTTPResponse(status: 404, "404 page not found\n"))
      }
    }
  }

  /// Whether it is one of the lab's pages.
  private func handle(_ call: HTTPCall, labDisk disk: FaultyDisk) -> Bool {
    switch (call.request.method, call.request.path) {
    case ("GET", "/lab/status"):
      visit(call, knowing: true) { home in
        var page = home.labStatus
        page.disk = "\(disk.condition)"
        return .json(encoding: page)
      }
    case ("POST", "/lab/links"): setLinks(call)
    case ("POST", "/lab/disk"): set(disk, call)
    default: return false
    }
    return true
  }

  private func set(_ disk: FaultyDisk, _ call: HTTPCall) {
    let body = Data(call.request.body.readableBytesView)
    guard let order = try? JSONDecoder().decode(DiskOrder.self, from: body) else {
      return call.answer(.failure("the body is not {\"disk\": …}"))
    }
    guard let condition = order.condition else {
      return call.answer(
        .failure("a disk is sound, slow with its milliseconds, nearly-full, full or failing"))
    }
    disk.enter(condition)
    call.answer(.json(encoding: ["disk": "\(condition)"]))
  }

  private func setLinks(_ call: HTTPCall) {
    let body = Data(call.request.body.readableBytesView)
    guard let order = try? JSONDecoder().decode(LinkOrder.self, from: body) else {
      return call.answer(.failure("the body is not {\"links\": [{\"peer\": …}]}"))
    }
    visit(call) { home in
      do throws(LinkOrderError) {
        try home.carryOut(order)
        return .json(encoding: ["links": home.labLinks])
      } catch {
        return .failure(error.sentence)
      }
    }
  }

  /// Answers with what a look at the replica, on its loop, gives; `knowing`: not before it is known
  /// whether writes pass.
  private func visit(
    _ call: HTTPCall, knowing: Bool = false,
    _ answer: @escaping @Sendable (ReplicaLoop) -> HTTPResponse
  ) {
    let isTaken = door.errands.offer(
      .visit { home in
        guard knowing else { return call.answer(answer(home)) }
        home.whenHealthIsKnown { call.answer(answer(home)) }
      })
    if !isTaken { call.answer(HTTPResponse(status: 503, "Too many requests wait.\n")) }
  }
}

extension HTTPResponse {
  fileprivate static func json(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", body: Array(text.utf8))
  }

  fileprivate static func json(encoding value: some Encodable) -> HTTPResponse {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // What is encoded here holds no number that JSON lacks, so it cannot fail.
    let body = (try? encoder.encode(value)) ?? Data()
    return HTTPResponse(status: 200, contentType: "application/json", body: Array(body))
  }

  fileprivate static func failure(_ sentence: String) -> HTTPResponse {
    json("{\"error\":\(JSONText.quoted(sentence))}", status: 400)
  }
}
