/// Bookmarks: revisions up to which everything was delivered.
extension WatchHub {
  /// To be told once that is true of every watch of the stream. A revision that the client knows
  /// already, by an answer of this member, is not undercut.
  mutating func askProgress(_ id: WatchStreamID, _ current: Int64) {
    guard let stream = streams[id] else { return }
    if stream.progressDue == nil {
      let place = waitingForProgress.firstIndex { $0 > id } ?? waitingForProgress.endIndex
      waitingForProgress.insert(id, at: place)
    }
    streams[id]!.progressDue = max(stream.progressDue ?? 0, current, stream.told)
  }

  mutating func answerProgress(_ output: inout WatchOutput) {
    guard !waitingForProgress.isEmpty else { return }
    for id in waitingForProgress {
      let stream = streams[id]!
      guard let due = stream.progressDue, !stream.isBlocked, stream.laggingCount == 0,
        stream.watches.isEmpty || delivered >= due
      else { continue }
      streams[id]!.progressDue = nil
      output.responses.append(
        WatchResponse(
          stream: id, watch: -1, revision: stream.watches.isEmpty ? due : delivered,
          content: .progress))
    }
    waitingForProgress.removeAll { streams[$0]!.progressDue == nil }
  }

  /// Each watch that wants it and had no events for an interval is told how far it has come (etcd
  /// v3rpc/watch.go sendLoop).
  mutating func reportProgress(_ output: inout WatchOutput) {
    for number in watches.keys.sorted() {
      let watch = watches[number]!
      guard watch.request.progressNotify else { continue }
      watches[number]!.isBusy = false
      let stream = streams[watch.stream]!
      guard !watch.isBusy, !watch.isLagging, !stream.isBlocked, watch.next <= delivered + 1,
        delivered >= stream.told
      else { continue }
      output.responses.append(
        WatchResponse(
          stream: watch.stream, watch: watch.id, revision: delivered, content: .progress))
    }
  }
}
