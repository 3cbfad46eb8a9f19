import Base
import KeyValue

/// Which streams are open, and when one is ended.
extension WatchLane {
  mutating func open(
    _ id: WatchStreamID, _ requiresLeader: Bool, _ now: Instant, _ ports: inout Ports,
    _ out: inout WatchLaneOutput
  ) {
    precondition(streams[id] == nil, "stream \(id.number) is opened twice")
    if let end = refusal(requiresLeader: requiresLeader, ports.standing) {
      return ports.end(id, end, last: [])
    }
    if streams.isEmpty {
      (checkAt, progressAt) = (now + settings.checkInterval, now + settings.progressInterval)
    }
    streams[id] = Stream(requiresLeader: requiresLeader)
    step(.open(id), .none, now, &ports, &out)
  }

  /// Why no stream is opened just now; `nil`: it is.
  private func refusal(requiresLeader: Bool, _ standing: WatchStanding) -> WatchEnd? {
    if isStopped { return .stopped }
    if standing.isFenced { return .corrupt }
    let isLeaderless = requiresLeader && standing.leaderlessSince != nil
    return standing.isHalted || isLeaderless ? .noLeader : nil
  }

  /// The client is not there any more.
  mutating func forget(
    _ id: WatchStreamID, _ now: Instant, _ ports: inout Ports, _ out: inout WatchLaneOutput
  ) {
    guard streams.removeValue(forKey: id) != nil else { return }
    step(.close(id), .none, now, &ports, &out)
  }

  /// Who does not read hears for each watch where to resume; other clients resume by themselves.
  mutating func end(
    _ id: WatchStreamID, _ end: WatchEnd, _ now: Instant, _ ports: inout Ports,
    _ out: inout WatchLaneOutput
  ) {
    guard let stream = streams[id] else { return }
    var last = stream.backlog
    if end == .stalled {
      let output = hub.step(.end(id))
      var encoding = ports.encoding(of: .none)
      last += output.responses.map { ports.message($0, &encoding) }
      perform(output, ports, &out)
      out.stalledStreams += 1
    }
    ports.end(id, end, last: last)
    forget(id, now, &ports, &out)
  }

  /// Ends streams that nobody reads, and those that the quorum's loss or a fence ends.
  mutating func checkStreams(
    _ now: Instant, _ ports: inout Ports, _ out: inout WatchLaneOutput
  ) {
    checkAt = now + settings.checkInterval
    let standing = ports.standing
    let isLeaderless = standing.leaderlessSince.map { now - $0 >= leaderlessLimit } ?? false
    for id in streams.keys.sorted() {
      guard let stream = streams[id] else { continue }
      if standing.isFenced {
        end(id, .corrupt, now, &ports, &out)
      } else if standing.isHalted || stream.requiresLeader && isLeaderless {
        end(id, .noLeader, now, &ports, &out)
      } else if let blockedAt = stream.blockedAt, now - blockedAt >= settings.stallLimit {
        end(id, .stalled, now, &ports, &out)
      }
    }
  }

  /// The member stops.
  mutating func stop(_ now: Instant, _ ports: inout Ports, _ out: inout WatchLaneOutput) {
    isStopped = true
    for id in streams.keys.sorted() { end(id, .stopped, now, &ports, &out) }
  }
}
