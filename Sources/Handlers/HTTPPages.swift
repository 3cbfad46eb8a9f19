import FaultyStorage
import Host
import Member
import EtcdAPI
import Foundation
import KeyValue
import NIOCore
import RPC
import Raft
import Replica
import Services
import Storage
import Transport

/// The pages on the client port: `/health`, `/version`, `/metrics` as etcd has them, and the lab's.
///
/// One for each client loop, and confined to it.
final class HTTPPages {
  /// A page that shows how the member stands.
  private enum Page {
    case health
    case metrics
    case labStatus
    case links
  }

  private let context: ClientContext
  /// The disk of a lab's member; `nil`: the lab's pages are not there.
  private let disk: FaultyDisk?
  private var waiters: WaiterTable<(call: HTTPCall, page: Page)>

  /// Pages of one loop that may wait.
  private static let waitersLimit = 10_000

  init(_ context: ClientContext, disk: FaultyDisk?) {
    self.context = context
    self.disk = disk
    waiters = WaiterTable(
      context.requests, limit: Self.waitersLimit, pending: context.metrics.pendingPages)
  }

  func handle(_ call: HTTPCall) {
    switch (call.request.method, call.request.path) {
    case ("GET", "/health"): ask(.health, call) { .report($0, knowing: true) }
    case ("GET", "/version"):
      call.answer(
        .json(
          "{\"etcdserver\":\"\(Version.etcd)\",\"etcdcluster\":\"\(Version.cluster)\","
            + "\"quorate\":\"\(Version.quorate)\"}"))
    case ("GET", "/metrics"): ask(.metrics, call) { .report($0, knowing: false) }
    default:
      guard let disk, handle(call, labDisk: disk) else {
        return call.answer(HTTPResponse(status: 404, "404 page not found\n"))
      }
    }
  }

  /// Whether it is one of the lab's pages.
  private func handle(_ call: HTTPCall, labDisk disk: FaultyDisk) -> Bool {
    switch (call.request.method, call.request.path) {
    case ("GET", "/lab/status"): ask(.labStatus, call) { .report($0, knowing: true) }
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
    guard let page = try? JSONDecoder().decode(LinkPage.self, from: body) else {
      return call.answer(.failure("the body is not {\"links\": [{\"peer\": …}]}"))
    }
    do throws(LinkOrderError) {
      let order = try page.order
      ask(.links, call) { .setLinks(order, $0) }
    } catch {
      call.answer(.failure(error.sentence))
    }
  }

  /// Asks the replica's loop, which answers by a letter.
  private func ask(_ page: Page, _ call: HTTPCall, _ letter: (RequestID) -> ControlLetter) {
    if let id = waiters.insert((call, page)) {
      if context.inboxes.replica.control.offer(letter(id)) { return }
      _ = waiters.take(id)
    }
    call.answer(HTTPResponse(status: 503, "Too many requests wait.\n"))
  }

  // MARK: Answers

  /// False: no page has asked for it.
  func take(_ report: MemberReport, for id: RequestID) -> Bool {
    guard let waiter = waiters.take(id) else { return false }
    waiter.call.answer(response(waiter.page, report))
    return true
  }

  func take(_ links: Result<[LinkReport], LinkOrderError>, for id: RequestID) {
    guard let waiter = waiters.take(id) else { return }
    switch links {
    case .success(let links):
      waiter.call.answer(.json(encoding: ["links": links.map { LabStatus.Link($0) }]))
    case .failure(let error): waiter.call.answer(.failure(error.sentence))
    }
  }

  private func response(_ page: Page, _ report: MemberReport) -> HTTPResponse {
    switch page {
    case .health:
      let illness = report.illness(naming: context.published.view.members)
      let reason = JSONText.quoted(illness ?? "")
      return .json(
        "{\"health\":\"\(illness == nil)\",\"reason\":\(reason)}",
        status: illness == nil ? 200 : 503)
    case .metrics:
      let gauges = Metrics.Gauges(
        report, context.published, quotaBytes: context.settings.replica.quotaBytes,
        pending: context.metrics.pendingCalls.now)
      return HTTPResponse(
        status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
        body: Array(context.metrics.text(gauges).utf8))
    case .labStatus:
      var status = LabStatus(report, context)
      status.disk = disk.map { "\($0.condition)" } ?? ""
      return .json(encoding: status)
    case .links: preconditionFailure("the order of links is answered with a report")
    }
  }
}

extension MemberReport {
  /// Why the member counts as ill, in etcd's words; `nil`: it is well (etcd
  /// api/etcdhttp/health.go, which tries a read).
  fileprivate func illness(naming members: MemberDirectory) -> String? {
    guard let status, status.quorum.isQuorate, status.leader != nil, !status.isShuttingDown
    else { return "RAFT NO LEADER" }
    if let facts {
      if facts.isRaised(.noSpace) { return "ALARM NOSPACE" }
      if facts.isRaised(.corrupt) { return "ALARM CORRUPT" }
    }
    guard case .refuses(let refusal) = status.write else { return nil }
    return "WRITE ERROR: \(FailedAnswer.evidence(refusal, members))"
  }
}

extension FailedAnswer {
  /// Why something is refused, in a few words.
  static func evidence(_ refusal: Refusal, _ members: MemberDirectory) -> String {
    let answer = FailedAnswer(refusal, members: members)
    return answer.why?.evidence ?? answer.status.text
  }
}

extension Metrics.Gauges {
  fileprivate init(
    _ report: MemberReport, _ published: PublishedState, quotaBytes: UInt64, pending: Int
  ) {
    self.init()
    let meta = published.meta
    applied = meta.appliedIndex
    revision = meta.revision
    self.pending = pending
    overlayBytes = published.overlayBytes
    usedBytes = max(published.usedBytes, 0)
    fileBytes = max(published.fileBytes, usedBytes)
    self.quotaBytes = quotaBytes
    alarms = meta.alarms.count
    isFenced = published.isFenced
    guard let status = report.status else { return }
    role = "\(status.role)"
    isLeader = status.role == .leader
    hasLeader = status.leader != nil
    term = status.term.number
    commit = status.commitIndex.number
    heard = status.quorum.current.heard
    leases = report.leaseCount
    voters = status.quorum.current.voters
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
