import Dispatch
import Foundation
import Glibc
import Synchronization

/// Where log lines go: a bounded ring that a thread of its own drains to a descriptor.
///
/// A full disk, a stopped terminal or a pipe that nobody reads stops that thread and no other:
/// lines that find the ring full are dropped, counted, and the count is reported afterwards.
final class LogSink: Sendable {
  /// What one line looks like.
  enum Format: String, Sendable {
    case text
    case json
  }

  private struct Ring {
    var lines: [String] = []
    var dropped: UInt64 = 0
    var isClosed = false
  }

  let format: Format
  private let ring = Mutex(Ring())
  private let limit: Int
  private let wakeUps = DispatchSemaphore(value: 0)
  private let ended = DispatchSemaphore(value: 0)

  /// `descriptor` stays open and is the caller's. `limit`: lines that may wait.
  init(descriptor: Int32, format: Format, limit: Int = 4096) {
    self.format = format
    self.limit = limit
    let thread = Thread { [self] in drain(to: descriptor) }
    thread.name = "log"
    thread.start()
  }

  /// Hands a line, without its end, to the thread; never waits.
  func offer(_ line: String) {
    let mustWake = ring.withLock { ring in
      guard ring.lines.count < limit && !ring.isClosed else {
        ring.dropped += 1
        return false
      }
      ring.lines.append(line)
      return ring.lines.count == 1
    }
    if mustWake { wakeUps.signal() }
  }

  /// How many lines were dropped and not reported yet.
  var dropped: UInt64 { ring.withLock { $0.dropped } }

  /// Takes no more lines and waits until those that wait are written, a second at most.
  func close() {
    ring.withLock { $0.isClosed = true }
    wakeUps.signal()
    _ = ended.wait(timeout: .now() + .seconds(1))
  }

  private func drain(to descriptor: Int32) {
    while true {
      wakeUps.wait()
      let (lines, dropped, isClosed) = ring.withLock { ring in
        var lines: [String] = []
        swap(&lines, &ring.lines)
        let dropped = ring.dropped
        ring.dropped = 0
        return (lines, dropped, ring.isClosed)
      }
      var text = ""
      for line in lines {
        text += line
        text += "\n"
      }
      if dropped > 0 {
        text += LogLine.dropped(dropped).text(format)
        text += "\n"
      }
      Self.write(text, to: descriptor)
      if isClosed { break }
    }
    ended.signal()
  }

  /// Writes all of it, or gives up on the first error: there is nobody to tell.
  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        written += count
      }
    }
  }
}
