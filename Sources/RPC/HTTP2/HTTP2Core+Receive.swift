internal import NIOCore
internal import NIOHPACK

/// What arrives, frame by frame.
extension HTTP2Core {
  mutating func receive(
    _ bytes: ByteBuffer, _ now: NIODeadline, _ output: inout HTTP2Output
  ) {
    reader.append(bytes)
    do {
      while let frame = try reader.next() { try take(frame, now, &output) }
    } catch {
      fail(error, &output)
    }
    pump(&output)
  }

  private mutating func take(
    _ frame: HTTP2Frame, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    try checkOrder(frame)
    switch frame {
    case .data(let id, let bytes, let flowBytes, let isLast):
      try takeData(id, bytes, flowBytes, isLast, now, &output)
    case .headers(let id, let bytes, let isLast, let isWhole):
      block = OpenBlock(stream: id, isLast: isLast, bytes: bytes)
      if isWhole { try takeBlock(now, &output) }
    case .continuation(_, let bytes, let isWhole):
      try addToBlock(bytes, now)
      if isWhole { try takeBlock(now, &output) }
    case .priority(let id, let isMalformed):
      try noteIdle(now)
      if isMalformed {
        try refuse(id, .frameSizeError, "a priority of a wrong size", now, &output)
      }
    case .reset(let id, let code):
      try takeReset(id, code, now, &output)
    case .settings(let settings):
      try noteIdle(now)
      for setting in settings { try apply(setting) }
      output.bytes.writeSettingsAcknowledgement()
      if !hasPeerSettings { widen(&output) }
      hasPeerSettings = true
      output.events.append(.settings)
    case .settingsAcknowledged, .unknown:
      try noteIdle(now)
    case .pushPromise:
      throw HTTP2Failure(.protocolError, "a push")
    case .ping(let number):
      guard pingRate.take(at: now) else {
        throw HTTP2Failure(.enhanceYourCalm, "too many pings")
      }
      output.bytes.writePing(number, isAnswer: true)
      output.events.append(.ping)
    case .pingAnswer(let number):
      try noteIdle(now)
      output.events.append(.pingAnswer(number))
    case .goAway(let last, let code, let text):
      try noteIdle(now)
      takeGoAway(last, code, text, &output)
    case .windowUpdate(let id, let increment):
      try takeWindowUpdate(id, increment, now, &output)
    }
  }

  /// The settings come first (RFC 9113 §3.4), and nothing comes in between the frames of a header
  /// block (§4.3).
  private func checkOrder(_ frame: HTTP2Frame) throws(HTTP2Failure) {
    switch (frame, block) {
    case (.continuation(let id, _, _), let block?) where id == block.stream: return
    case (_, .some): throw HTTP2Failure(.protocolError, "a header block is interrupted")
    case (.continuation, nil): throw HTTP2Failure(.protocolError, "a continuation of nothing")
    case (.settings, nil): return
    default:
      guard hasPeerSettings else {
        throw HTTP2Failure(.protocolError, "the first frame is no SETTINGS")
      }
    }
  }

  // MARK: Guards

  private mutating func noteIdle(_ now: NIODeadline) throws(HTTP2Failure) {
    guard idleFrameRate.take(at: now) else {
      throw HTTP2Failure(.enhanceYourCalm, "too many frames without use")
    }
  }

  /// Resets a stream for what the peer did on it (RFC 9113 §5.4.2).
  private mutating func refuse(
    _ id: StreamID, _ code: HTTP2ErrorCode, _ reason: String, _ now: NIODeadline,
    _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    guard streamErrorRate.take(at: now) else {
      throw HTTP2Failure(.enhanceYourCalm, "too many streams with errors: \(reason)")
    }
    reset(id, code, &output)
    close(id, .failed(HTTP2Failure(code, reason)), &output)
  }

  /// True when the stream was never open: it is none that a client has opened.
  private func isIdle(_ id: StreamID) -> Bool { !id.isClients || id > lastStream }

  private func checkNotIdle(_ id: StreamID) throws(HTTP2Failure) {
    guard !isIdle(id) else {
      throw HTTP2Failure(.protocolError, "a frame on the idle stream \(id.number)")
    }
  }

  // MARK: Headers

  private mutating func addToBlock(
    _ bytes: ByteBuffer, _ now: NIODeadline
  ) throws(HTTP2Failure) {
    if bytes.readableBytes == 0 { try noteIdle(now) }
    guard var open = block else { preconditionFailure("a continuation without its block") }
    // Not shared while it grows.
    block = nil
    open.frames += 1
    guard open.frames <= HTTP2Limits.blockFrameLimit,
      open.bytes.readableBytes + bytes.readableBytes <= limits.headerLimitBytes
    else {
      throw HTTP2Failure(.enhanceYourCalm, "a header block of too many frames or bytes")
    }
    open.bytes.writeImmutableBuffer(bytes)
    block = open
  }

  private mutating func takeBlock(
    _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    guard let whole = block else { preconditionFailure("no header block") }
    block = nil
    switch role {
    case .server: try takeRequest(whole, now, &output)
    case .client: try takeResponse(whole, now, &output)
    }
  }

  /// Whatever becomes of the stream, its block is decoded: the table must follow (RFC 9113 §4.3).
  private mutating func takeRequest(
    _ block: OpenBlock, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    let id = block.stream
    guard id.isClients else {
      throw HTTP2Failure(.protocolError, "a client opened the stream \(id.number)")
    }
    guard id > lastStream else { return try takeTrailers(block, now, &output) }
    lastStream = id
    let list = try decoder.decode(block.bytes, as: .request)
    guard streams.count < limits.streamLimit else {
      return try refuse(id, .refusedStream, "too many streams", now, &output)
    }
    guard list.rules.isWellFormed else {
      return try refuse(id, .protocolError, "a malformed request", now, &output)
    }
    var stream = newStream()
    stream.hasReceivedHead = true
    stream.missingBytes = list.rules.contentLength
    let slot = streams.insert(id, stream)
    output.events.append(.headers(id, list.fields, isLast: block.isLast))
    if block.isLast { try takeEnd(slot, id, now, &output) }
  }

  private mutating func takeResponse(
    _ block: OpenBlock, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    let id = block.stream
    try checkNotIdle(id)
    guard let slot = streams.slot(of: id), !streams[slot].hasReceivedHead else {
      return try takeTrailers(block, now, &output)
    }
    let list = try decoder.decode(block.bytes, as: .response)
    guard list.rules.isWellFormed, !(list.rules.isInterim && block.isLast) else {
      return try refuse(id, .protocolError, "a malformed response", now, &output)
    }
    if list.rules.isInterim { return try noteIdle(now) }
    streams[slot].hasReceivedHead = true
    streams[slot].missingBytes = list.rules.contentLength
    output.events.append(.headers(id, list.fields, isLast: block.isLast))
    if block.isLast { try takeEnd(slot, id, now, &output) }
  }

  private mutating func takeTrailers(
    _ block: OpenBlock, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    let id = block.stream
    let list = try decoder.decode(block.bytes, as: .trailers)
    guard let slot = streams.slot(of: id) else {
      // Late, or never right. A client may have given up thousands of calls at once, so its
      // memory of them would be too short.
      guard role == .client || recentResets.contains(id) else {
        throw HTTP2Failure(.streamClosed, "headers on the closed stream \(id.number)")
      }
      return try noteIdle(now)
    }
    guard !streams[slot].hasReceivedEnd else {
      return try refuse(id, .streamClosed, "headers after the end", now, &output)
    }
    guard block.isLast, list.rules.isWellFormed else {
      return try refuse(id, .protocolError, "malformed trailers", now, &output)
    }
    output.events.append(.headers(id, list.fields, isLast: true))
    try takeEnd(slot, id, now, &output)
  }

  // MARK: Data

  private mutating func takeData(
    _ id: StreamID, _ bytes: ByteBuffer, _ flowBytes: Int, _ isLast: Bool, _ now: NIODeadline,
    _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    try checkNotIdle(id)
    try consume(flowBytes, &output)
    if bytes.readableBytes == 0 && !isLast { try noteIdle(now) }
    guard let slot = streams.slot(of: id) else {
      if role == .client || recentResets.contains(id) { return }
      return try refuse(id, .streamClosed, "data on a closed stream", now, &output)
    }
    guard !streams[slot].hasReceivedEnd else {
      return try refuse(id, .streamClosed, "data after the end", now, &output)
    }
    guard streams[slot].hasReceivedHead else {
      return try refuse(id, .protocolError, "data before the headers", now, &output)
    }
    streams[slot].receiveWindow -= flowBytes
    guard streams[slot].receiveWindow >= 0 else {
      return try refuse(id, .flowControlError, "data beyond the window", now, &output)
    }
    if let missing = streams[slot].missingBytes {
      guard missing >= bytes.readableBytes else {
        return try refuse(id, .protocolError, "more than content-length", now, &output)
      }
      streams[slot].missingBytes = missing - bytes.readableBytes
    }
    output.events.append(.data(id, bytes, isLast: isLast))
    if isLast { return try takeEnd(slot, id, now, &output) }
    streams[slot].consumedBytes += flowBytes
    giveBack(slot, id, &output)
  }

  /// Holds a stream's window back, or goes on to give it back as it is used.
  mutating func hold(_ id: StreamID, _ isHeld: Bool, _ output: inout HTTP2Output) {
    guard let slot = streams.slot(of: id) else { return }
    streams[slot].isHeld = isHeld
    giveBack(slot, id, &output)
  }

  /// In few updates, and only while the stream's messages are taken.
  private mutating func giveBack(_ slot: Int, _ id: StreamID, _ output: inout HTTP2Output) {
    guard !streams[slot].isHeld, !streams[slot].hasReceivedEnd,
      streams[slot].consumedBytes * 2 >= limits.streamWindow
    else { return }
    output.bytes.writeWindowUpdate(id, by: streams[slot].consumedBytes)
    streams[slot].receiveWindow += streams[slot].consumedBytes
    streams[slot].consumedBytes = 0
  }

  /// What arrives is read at once, so the connection's window is given back, in few updates.
  private mutating func consume(
    _ bytes: Int, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    receiveWindow -= bytes
    guard receiveWindow >= 0 else {
      throw HTTP2Failure(.flowControlError, "data beyond the connection's window")
    }
    consumedBytes += bytes
    guard consumedBytes * 2 >= limits.connectionWindow else { return }
    output.bytes.writeWindowUpdate(.connection, by: consumedBytes)
    receiveWindow += consumedBytes
    consumedBytes = 0
  }

  private mutating func takeEnd(
    _ slot: Int, _ id: StreamID, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    streams[slot].hasReceivedEnd = true
    if let missing = streams[slot].missingBytes, missing > 0 {
      return try refuse(id, .protocolError, "less than content-length", now, &output)
    }
    if streams[slot].hasSentEnd {
      close(id, .complete, &output)
    } else if role == .client {
      // The answer is there: nobody reads the rest of the request (RFC 9113 §8.1).
      reset(id, .noError, &output)
      close(id, .complete, &output)
    }
  }

  // MARK: Control

  private mutating func takeReset(
    _ id: StreamID, _ code: HTTP2ErrorCode, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    try checkNotIdle(id)
    guard resetRate.take(at: now) else {
      throw HTTP2Failure(.enhanceYourCalm, "too many resets")
    }
    close(id, .reset(code), &output)
  }

  private mutating func takeWindowUpdate(
    _ id: StreamID, _ increment: Int, _ now: NIODeadline, _ output: inout HTTP2Output
  ) throws(HTTP2Failure) {
    let most = 0x7FFF_FFFF
    if id == .connection {
      guard increment > 0 else {
        throw HTTP2Failure(.protocolError, "a window update by nothing")
      }
      sendWindow += increment
      guard sendWindow <= most else {
        throw HTTP2Failure(.flowControlError, "a window of \(sendWindow) bytes")
      }
      return
    }
    try checkNotIdle(id)
    guard let slot = streams.slot(of: id) else { return try noteIdle(now) }
    guard increment > 0 else {
      return try refuse(id, .protocolError, "a window update by nothing", now, &output)
    }
    streams[slot].sendWindow += increment
    guard streams[slot].sendWindow <= most else {
      return try refuse(id, .flowControlError, "a window too large", now, &output)
    }
    if streams[slot].sendWindow > 0 { enlist(slot, id) }
  }

  private mutating func takeGoAway(
    _ last: StreamID, _ code: HTTP2ErrorCode, _ text: ByteBuffer, _ output: inout HTTP2Output
  ) {
    // First, so that nobody opens new streams in the place of those that end.
    output.events.append(.goAway(code, text: String(buffer: text)))
    guard role == .client else { return }
    for id in streams.ids where id > last { close(id, .unprocessed, &output) }
  }

  /// The connection's window begins smaller than we want it, and no setting changes it
  /// (RFC 9113 §6.9.2).
  private mutating func widen(_ output: inout HTTP2Output) {
    let more = limits.connectionWindow - receiveWindow
    guard more > 0 else { return }
    output.bytes.writeWindowUpdate(.connection, by: more)
    receiveWindow += more
  }

  /// RFC 9113 §6.5.2.
  private mutating func apply(_ setting: HTTP2Setting) throws(HTTP2Failure) {
    let value = Int(setting.value)
    switch setting.number {
    case HTTP2Setting.headerTableSize:
      encoder.limitTable(to: value)
    case HTTP2Setting.enablePush:
      guard value <= (role == .server ? 1 : 0) else {
        throw HTTP2Failure(.protocolError, "SETTINGS_ENABLE_PUSH of \(value)")
      }
    case HTTP2Setting.maxConcurrentStreams:
      peerStreamLimit = value
    case HTTP2Setting.initialWindowSize:
      try changeWindows(to: value)
    case HTTP2Setting.maxFrameSize:
      guard (16_384...16_777_215).contains(value) else {
        throw HTTP2Failure(.protocolError, "SETTINGS_MAX_FRAME_SIZE of \(value)")
      }
    // We send no larger frames: one stream would keep the others waiting.
    case HTTP2Setting.maxHeaderListSize:
      peerHeaderLimitBytes = value
    default:
      break
    }
  }

  /// The change goes for open streams too, whose windows may become negative (RFC 9113 §6.9.2).
  private mutating func changeWindows(to size: Int) throws(HTTP2Failure) {
    let most = 0x7FFF_FFFF
    guard size <= most else {
      throw HTTP2Failure(.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE of \(size)")
    }
    let change = size - peerStreamWindow
    peerStreamWindow = size
    var isTooLarge = false
    streams.forEach { stream in
      stream.sendWindow += change
      if stream.sendWindow > most { isTooLarge = true }
    }
    guard !isTooLarge else {
      throw HTTP2Failure(.flowControlError, "a stream's window too large")
    }
    guard change > 0 else { return }
    for id in streams.ids {
      if let slot = streams.slot(of: id), streams[slot].sendWindow > 0 { enlist(slot, id) }
    }
  }
}
