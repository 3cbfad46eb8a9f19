import KeyValue
import Member
import NIOCore
import Replica

/// One client loop's place: what its requests and watches waited for comes here, and is taken up on
/// that very loop.
final class ClientDesk: Sendable {
  enum News: Sendable {
    /// A read that is ready: it is served from the published root.
    case ready(ReadReady)
    /// What a request wanted to see.
    case view(RequestID, Root)
    /// For the loop's watches.
    case watches(WatchLetter)
  }

  private let loop: any EventLoop
  private let news: Inbox<News>

  private init(loop: any EventLoop, news: Inbox<News>) {
    self.loop = loop
    self.news = news
  }

  /// `face` and `watches` are called on `loop`.
  static func open(on loop: any EventLoop, _ face: ClientFace, _ watches: WatchDesk) -> ClientDesk {
    let desk = Late<ClientDesk>()
    let news = Inbox<News>(limit: 1 << 20) {
      loop.execute {
        for one in desk.value?.news.drain() ?? [] {
          switch one {
          case .ready(let read): face.serve(read)
          case .view(let id, let root): face.take(root, for: id)
          case .watches(let letter): watches.take(letter)
          }
        }
      }
    }
    let opened = ClientDesk(loop: loop, news: news)
    desk.value = opened
    return opened
  }

  func post(_ one: News) {
    let isTaken = news.offer(one)
    precondition(isTaken, "\(news.count) news wait for a client loop")
  }
}
