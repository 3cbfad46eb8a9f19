internal import NIOCore

/// What the connections of one event loop share. Confined to that loop, except for the inbox,
/// which is made for the other threads.
final class ServerLoop: @unchecked Sendable {
  /// What other threads ask of the loop's connections.
  enum Work: Sendable {
    case stream(ServerStream, ServerStream.Action)
    case http(HTTPCall, HTTPResponse)
  }

  let eventLoop: any EventLoop
  let hold: FlushHold
  private(set) var inbox: LoopInbox<Work>!
  /// Unfinished requests and unsent answers of the loop's connections.
  var bufferedBytes = 0
  private let bufferLimitBytes: Int

  var hasRoom: Bool { bufferedBytes < bufferLimitBytes }

  init(eventLoop: any EventLoop, hold: FlushHold, bufferLimitBytes: Int) {
    self.eventLoop = eventLoop
    self.hold = hold
    self.bufferLimitBytes = bufferLimitBytes
    inbox = LoopInbox(eventLoop: eventLoop) { [unowned self] batch in perform(batch) }
  }

  private func perform(_ batch: [Work]) {
    hold.hold {
      for work in batch {
        switch work {
        case .stream(let stream, let action): stream.perform(action)
        case .http(let call, let response): call.exchange.answer(call, response)
        }
      }
    }
  }
}
