import EtcdAPI
import NIOCore
import RPC
import Synchronization

/// One stream of watches of one server, and everything that came on it.
final class WatchedStream: Sendable {
  private struct State {
    var answers: [EtcdWatchResponse] = []
    var end: String?
  }

  /// What a stream has shown, as far as two servers must agree: how events are packed into answers
  /// is each server's own matter, but for one revision, which comes in one.
  struct Story: Equatable {
    /// Answers that create or refuse a watch, in order.
    var created: [EtcdWatchResponse] = []
    /// By watch.
    var events: [Int64: [EtcdEvent]] = [:]
    /// The last answer of each watch that ended.
    var ended: [Int64: EtcdWatchResponse] = [:]
    /// Revisions of progress asked for.
    var progress: [Int64] = []
    /// A revision came in two answers, or a status ended the stream.
    var fault: String?

    private static func text(_ event: EtcdEvent) -> String {
      "\(event.type) \(text(event.kv))" + (event.hasPrevKv ? ", before \(text(event.prevKv))" : "")
    }

    private static func text(_ pair: EtcdKeyValue) -> String {
      let words = [pair.key, pair.value].map { bytes in
        String(decoding: bytes, as: UTF8.self).debugDescription
      }
      return "\(words[0])=\(words[1])@\(pair.modRevision) (created \(pair.createRevision), "
        + "version \(pair.version), lease \(pair.lease))"
    }

    /// For people.
    var text: String {
      let lines =
        created.map { "created \($0.fieldText)" }
        + events.sorted { $0.key < $1.key }.map { id, events in
          (["watch \(id) brings"] + events.map { Self.text($0) }).joined(separator: "\n  ")
        }
        + ended.sorted { $0.key < $1.key }.map { "watch \($0) ends \($1.fieldText)" }
      return (lines + ["progress \(progress)", fault ?? "no fault"]).joined(separator: "\n")
    }
  }

  /// There before the stream is.
  private final class Log: Sendable { let state = Mutex(State()) }

  private let log: Log
  private let stream: ClientStream

  init(over connection: RPCConnection) {
    let log = Log()
    self.log = log
    stream = connection.open(EtcdMethod.Watch.watch) { event in
      switch event {
      case .message(let message):
        let bytes = Array(message.readableBytesView)
        guard let answer = try? EtcdWatchResponse(decoding: bytes) else { return }
        log.state.withLock { $0.answers.append(answer) }
      case .ended(let outcome): log.state.withLock { $0.end = outcome.status.message }
      case .metadata, .writable: break
      }
    }
  }

  func send(_ request: EtcdWatchRequest) { _ = stream.send(request.encodedBytes) }

  func close() { stream.cancel() }

  var answerCount: Int { log.state.withLock { $0.answers.count } }

  func count(_ condition: (EtcdWatchResponse) -> Bool) -> Int {
    log.state.withLock { $0.answers.count(where: condition) }
  }

  var story: Story {
    var story = Story()
    let (answers, end) = log.state.withLock { ($0.answers, $0.end) }
    story.fault = end
    for var answer in answers {
      let revision = answer.header.revision
      answer.header = .make { $0.revision = revision }
      if answer.created {
        story.created.append(answer)
      } else if answer.canceled {
        // Of a cancellation the revision is that of the moment; of compaction it is none.
        if answer.compactRevision == 0 { answer.header.revision = 0 }
        story.ended[answer.watchID] = answer
      } else if answer.watchID == -1 {
        story.progress.append(revision)
      } else if let first = answer.events.first {
        let last = story.events[answer.watchID]?.last?.kv.modRevision ?? 0
        if first.kv.modRevision <= last { story.fault = "revision \(last) came in two answers" }
        story.events[answer.watchID, default: []] += answer.events
      }
    }
    return story
  }
}
