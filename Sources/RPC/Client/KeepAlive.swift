internal import NIOCore

/// Asks a silent peer whether it is still there (RFC 9113 §6.7). Any read counts as life.
/// Confined to the loop of its connection.
final class KeepAlive {
  private let eventLoop: any EventLoop
  private let interval: TimeAmount
  private let timeout: TimeAmount
  private var timer: Scheduled<Void>?
  private var hasRead = false
  private let ping: () -> Void
  private let giveUp: () -> Void

  init(
    eventLoop: any EventLoop, interval: Duration, timeout: Duration,
    ping: @escaping () -> Void, giveUp: @escaping () -> Void
  ) {
    self.eventLoop = eventLoop
    self.interval = TimeAmount(interval)
    self.timeout = TimeAmount(timeout)
    self.ping = ping
    self.giveUp = giveUp
  }

  func start() {
    hasRead = false
    timer = eventLoop.assumeIsolated().scheduleTask(in: interval) { self.ask() }
  }

  func stop() {
    timer?.cancel()
    timer = nil
  }

  func sawRead() {
    hasRead = true
  }

  private func ask() {
    if hasRead { return start() }
    ping()
    timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
      self.hasRead ? self.start() : self.giveUp()
    }
  }
}
