import QuorateClient
import EtcdAPI
import Foundation
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// A member of which every stream of watches plays the next script, and then ends.
private final class ScriptedMember: Sendable {
  struct Script: Sendable {
    var answers: [EtcdWatchResponse]
    /// `nil`: the next message plays on.
    var end: RPCStatus? = RPCStatus(.unavailable, "etcdserver: no leader")
  }

  private struct State {
    var scripts: [Script]
    var creations: [EtcdWatchCreateRequest] = []
  }

  /// There before the server is.
  private final class Book: Sendable {
    let state: Mutex<State>
    init(_ scripts: [Script]) { state = Mutex(State(scripts: scripts)) }
  }

  let endpoint: Endpoint
  private let server: RPCServer
  private let book: Book

  var starts: [Int64] { book.state.withLock { $0.creations.map(\.startRevision) } }

  init(_ scripts: [Script]) async throws {
    let book = Book(scripts)
    self.book = book
    var table = MethodTable()
    table.stream(EtcdMethod.Watch.watch) { call in
      { event in
        guard case .message(let bytes) = event,
          let request = try? EtcdWatchRequest(decoding: Array(bytes.readableBytesView))
        else { return }
        let script = book.state.withLock { state -> Script? in
          state.creations.append(request.createRequest)
          return state.scripts.isEmpty ? nil : state.scripts.removeFirst()
        }
        guard let script else { return }
        for answer in script.answers { _ = call.send(answer.encodedBytes) }
        if let end = script.end { call.finish(end) }
      }
    }
    server = try await RPCServer.start(
      host: "127.0.0.1", port: 0, methods: table,
      http: { $0.answer(HTTPResponse(status: 404, "no such page")) },
      group: MultiThreadedEventLoopGroup.singleton)
    endpoint = try Endpoint("127.0.0.1:\(server.address.port ?? 0)")
  }

  func stop() async { await server.shutDown(grace: .zero) }
}

private func created(_ revision: Int64) -> EtcdWatchResponse {
  .make {
    $0.header.revision = revision
    $0.created = true
  }
}

private func events(
  _ revisions: Int64..., fragment: Bool = false, header: Int64? = nil
) -> EtcdWatchResponse {
  .make {
    $0.header.revision = header ?? revisions.last!
    $0.fragment = fragment
    $0.events = revisions.map { revision in .make { $0.kv.modRevision = revision } }
  }
}

@Suite(.timeLimit(.minutes(1))) struct `A watch that goes on` {
  private func play(
    _ scripts: [ScriptedMember.Script]..., from start: Int64 = 0, taking count: Int
  ) async throws -> (seen: [[Int64]], starts: [[Int64]]) {
    var members: [ScriptedMember] = []
    for script in scripts { members.append(try await ScriptedMember(script)) }
    let client = EtcdClient(endpoints: members.map(\.endpoint))
    var seen: [[Int64]] = []
    for try await answer in client.watch(
      .make {
        $0.key = Data("k".utf8)
        $0.startRevision = start
      })
    {
      seen.append(answer.events.map(\.kv.modRevision))
      if seen.count == count { break }
    }
    await client.close()
    for member in members { await member.stop() }
    return (seen, members.map(\.starts))
  }

  @Test func `resumes at the next member after its last event`() async throws {
    let (seen, starts) = try await play(
      [.init(answers: [created(4), events(5, 5, 6)])],
      [.init(answers: [created(9), events(7), events(8, 9)])], taking: 3)
    #expect(seen == [[5, 5, 6], [7], [8, 9]])
    #expect(starts == [[0], [7]])
  }

  @Test func `without an event it resumes after its creation`() async throws {
    let (seen, starts) = try await play(
      [.init(answers: [created(4)])], [.init(answers: [created(9), events(5)])], taking: 1)
    #expect(seen == [[5]])
    #expect(starts == [[0], [5]])
  }

  @Test func `a bookmark moves it on, a header over events does not`() async throws {
    let bookmark = EtcdWatchResponse.make { $0.header.revision = 12 }
    let (seen, starts) = try await play(
      [
        .init(answers: [created(4), events(5, header: 10)]),
        .init(answers: [created(12), bookmark]),
      ],
      [.init(answers: [created(12), events(6, header: 11)]), .init(answers: [events(13)])],
      taking: 4)
    #expect(seen == [[5], [6], [], [13]])
    #expect(starts == [[0, 7], [6, 13]])
  }

  @Test func `what comes twice is shown once`() async throws {
    let (seen, _) = try await play(
      [.init(answers: [created(4), events(5, 6)])],
      [.init(answers: [created(9), events(5, 6), events(6, 7)])], taking: 2)
    #expect(seen == [[5, 6], [7]])
  }

  @Test func `fragments are put together, and half a revision is forgotten`() async throws {
    let (seen, starts) = try await play(
      [.init(answers: [created(4), events(5, fragment: true)])],
      [.init(answers: [events(5, fragment: true), events(5)])], taking: 1)
    #expect(seen == [[5, 5]])
    #expect(starts == [[0], [5]])
  }

  @Test func `a member that gave it up for being slow is asked again`() async throws {
    let given = EtcdWatchResponse.make {
      $0.canceled = true
      $0.cancelReason = "quorate: the watch was ended; resume at revision 6"
    }
    let (seen, starts) = try await play(
      [
        .init(answers: [created(4), events(5), given]),
        .init(answers: [created(9), events(6)]),
      ], taking: 2)
    #expect(seen == [[5], [6]])
    #expect(starts == [[0, 6]])
  }

  @Test func `compaction ends it, and says where one could begin`() async throws {
    let compacted = EtcdWatchResponse.make {
      $0.canceled = true
      $0.compactRevision = 7
    }
    await #expect {
      _ = try await play([.init(answers: [created(9), compacted])], from: 3, taking: 1)
    } throws: { error in
      guard case WatchEnd.compacted(7, compacted) = error else { return false }
      return true
    }
  }

  @Test func `what the server says of the watch itself ends it`() async throws {
    let refused = EtcdWatchResponse.make {
      $0.created = true
      $0.canceled = true
      $0.cancelReason = "mvcc: watcher range is empty"
    }
    await #expect {
      _ = try await play([.init(answers: [refused])], taking: 1)
    } throws: { error in
      guard case WatchEnd.cancelled("mvcc: watcher range is empty", _) = error else {
        return false
      }
      return true
    }
    await #expect {
      _ = try await play(
        [.init(answers: [], end: RPCStatus(.permissionDenied, "etcdserver: permission denied"))],
        taking: 1)
    } throws: { error in
      guard case WatchEnd.failed(let failure) = error else { return false }
      return failure.status.code == .permissionDenied
    }
  }

  @Test func `a question that comes before its stream is asked with it`() async throws {
    let progress = EtcdWatchResponse.make { $0.header.revision = 7 }
    let member = try await ScriptedMember([
      .init(answers: [created(5)], end: nil), .init(answers: [progress], end: nil),
    ])
    let client = EtcdClient(endpoints: [member.endpoint])
    let control = WatchControl()
    await control.askProgress()
    let request = EtcdWatchCreateRequest.make { $0.key = Data("k".utf8) }
    var answers = client.watch(request, control: control).makeAsyncIterator()
    let answer = try await answers.next()
    #expect(answer?.events.isEmpty == true && answer?.header.revision == 7)
    await client.close()
    await member.stop()
  }

  @Test func `a cancelled task ends it`() async throws {
    let member = try await ScriptedMember([])
    let client = EtcdClient(endpoints: [member.endpoint])
    let reader = Task {
      for try await _ in client.watch("k") { return false }
      return true
    }
    reader.cancel()
    #expect(try await reader.value)
    await client.close()
    await member.stop()
  }
}
