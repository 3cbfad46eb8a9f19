internal import NIOCore
internal import NIOHPACK

/// What leaves: headers at once, messages as far as the windows and the socket allow
/// (RFC 9113 §5.2), and each stream's in order.
extension HTTP2Core {
  /// What every answer begins with.
  static let responseHead = HeaderTemplate(
    0, [(name: ":status", value: "200"), (name: "content-type", value: "application/grpc")])
  static let okTrailers = HeaderTemplate(1, [(name: "grpc-status", value: "0")])
  /// What carries nothing but trailers (for those that are said once).
  private static let nothing = HeaderTemplate(2, [])

  // MARK: Beginning

  mutating func open(
    _ id: StreamID, _ template: HeaderTemplate, _ fields: HPACKHeaders, _ message: [UInt8]?,
    _ output: inout HTTP2Output
  ) {
    precondition(role == .client && id == nextStream && mayOpen, "stream \(id.number) opened")
    lastStream = id
    var stream = newStream()
    stream.hasSentHead = true
    streams.insert(id, stream)
    guard Self.size(of: template, fields) <= peerHeaderLimitBytes else {
      // The number is used: a later stream closes it implicitly (RFC 9113 §5.1.1).
      return close(id, .unsendable(limitBytes: peerHeaderLimitBytes), &output)
    }
    writeHeaders(template, fields, isLast: false, on: id, &output)
    if let message { send(.message(message, .last), on: id, &output) }
  }

  func newStream() -> HTTP2Stream {
    HTTP2Stream(sendWindow: peerStreamWindow, receiveWindow: limits.streamWindow)
  }

  mutating func answer(
    _ id: StreamID, _ message: [UInt8], _ trailers: HPACKHeaders, _ output: inout HTTP2Output
  ) {
    send(.message(message, .none), on: id, &output)
    send(.okTrailers(trailers), on: id, &output)
  }

  // MARK: In turn

  /// Sends it now when nothing stands in the way, and else leaves it in the stream's queue. A
  /// stream that is over takes nothing.
  mutating func send(
    _ item: SendQueue.Item, on id: StreamID, _ output: inout HTTP2Output
  ) {
    guard let slot = streams.slot(of: id), !streams[slot].hasSentEnd else { return }
    if streams[slot].queue.isEmpty {
      if case .message(let bytes, let mark) = item {
        if sendWhole(bytes, mark, slot, id, &output) { return }
      } else {
        return sendLast(item, slot, id, &output)
      }
    }
    streams[slot].queue.append(item)
    enlist(slot, id)
    pump(&output)
  }

  /// Gives the stream its turn, unless it has one or its window is closed.
  mutating func enlist(_ slot: Int, _ id: StreamID) {
    guard !streams[slot].isWaiting, !streams[slot].queue.isEmpty else { return }
    streams[slot].isWaiting = true
    waiting.append(id)
  }

  /// Sends what waits, a frame of each stream in turn.
  mutating func pump(_ output: inout HTTP2Output) {
    while writableBytes > 0, sendWindow > 0, let id = waiting.popFirst() {
      guard let slot = streams.slot(of: id), streams[slot].isWaiting else { continue }
      streams[slot].isWaiting = false
      sendTurn(slot, id, &output)
    }
  }

  private mutating func sendTurn(_ slot: Int, _ id: StreamID, _ output: inout HTTP2Output) {
    guard let item = streams[slot].queue.first else { return }
    guard case .message(let message, let mark) = item else {
      streams[slot].queue.removeFirst()
      return sendLast(item, slot, id, &output)
    }
    let left = message.count + 5 - streams[slot].queue.position
    let count = min(
      left, FrameHead.payloadLimitBytes, sendWindow, streams[slot].sendWindow, writableBytes)
    // A stream without a window waits for an update of its own.
    guard count > 0 else { return }
    writeHeadOnce(slot, id, &output)
    let position = streams[slot].queue.position
    writePiece(of: message, from: position, count, mark, slot, id, &output)
    if count == left {
      streams[slot].queue.removeFirst()
    } else {
      streams[slot].queue.position += count
    }
    // What needs no window follows its message at once.
    if let next = streams[slot].queue.first {
      if case .message = next {
        enlist(slot, id)
      } else {
        streams[slot].queue.removeFirst()
        sendLast(next, slot, id, &output)
      }
    }
  }

  // MARK: Frames

  /// False, and nothing done, when the message does not fit into the windows.
  private mutating func sendWhole(
    _ message: [UInt8], _ mark: SendQueue.Mark, _ slot: Int, _ id: StreamID,
    _ output: inout HTTP2Output
  ) -> Bool {
    let size = message.count + 5
    guard size <= min(sendWindow, streams[slot].sendWindow, writableBytes) else { return false }
    output.bytes.reserveCapacity(
      minimumWritableBytes: size + 64 + FrameHead.size * (size / FrameHead.payloadLimitBytes))
    writeHeadOnce(slot, id, &output)
    var position = 0
    while position < size {
      let count = min(size - position, FrameHead.payloadLimitBytes)
      writePiece(of: message, from: position, count, mark, slot, id, &output)
      position += count
    }
    return true
  }

  /// One DATA frame: `count` bytes of the message and its prefix, from the position on. After
  /// the last byte the mark is honoured.
  private mutating func writePiece(
    of message: [UInt8], from position: Int, _ count: Int, _ mark: SendQueue.Mark, _ slot: Int,
    _ id: StreamID, _ output: inout HTTP2Output
  ) {
    precondition(message.count <= UInt32.max, "a message of \(message.count) bytes")
    payloadFrames &+= 1
    sendWindow -= count
    writableBytes -= count
    streams[slot].sendWindow -= count
    var flags: UInt8 = 0
    if position + count == message.count + 5 {
      switch mark {
      case .none: break
      case .reported: output.events.append(.sent(id, bytes: message.count))
      case .last:
        flags = FrameHead.Flag.endStream
        streams[slot].hasSentEnd = true
      }
    }
    output.bytes.writeFrameHead(
      length: count, kind: FrameHead.Kind.data, flags: flags, stream: id)
    if position == 0 && count >= 5 {
      output.bytes.writeMultipleIntegers(UInt8(0), UInt32(message.count))
      output.bytes.writePart(of: message, 0..<count - 5)
    } else if position >= 5 {
      output.bytes.writePart(of: message, position - 5..<position - 5 + count)
    } else {
      var whole = ByteBuffer()
      whole.writeMultipleIntegers(UInt8(0), UInt32(message.count))
      let prefix = min(5 - position, count)
      output.bytes.writeBytes(whole.readableBytesView.dropFirst(position).prefix(prefix))
      output.bytes.writePart(of: message, 0..<count - prefix)
    }
  }

  /// Everything that ends our side of a stream.
  private mutating func sendLast(
    _ item: SendQueue.Item, _ slot: Int, _ id: StreamID, _ output: inout HTTP2Output
  ) {
    switch item {
    case .message:
      preconditionFailure("a message is not the last")
    case .end:
      output.bytes.writeFrameHead(
        length: 0, kind: FrameHead.Kind.data, flags: FrameHead.Flag.endStream, stream: id)
    case .okTrailers(let fields):
      guard allows(Self.okTrailers, fields, id, &output) else { return }
      writeHeaders(Self.okTrailers, fields, isLast: true, on: id, &output)
    case .headers(let fields):
      guard allows(Self.nothing, fields, id, &output) else { return }
      writeHeaders(Self.nothing, fields, isLast: true, on: id, &output)
    }
    streams[slot].hasSentHead = true
    streams[slot].hasSentEnd = true
    if streams[slot].hasReceivedEnd {
      close(id, .complete, &output)
    } else if role == .server {
      // The client need not send the rest of its request (RFC 9113 §8.1).
      reset(id, .noError, &output)
      close(id, .complete, &output)
    }
  }

  private static func size(of template: HeaderTemplate, _ fields: HPACKHeaders) -> Int {
    fields.reduce(template.sizeBytes) { $0 + HeaderEncoder.size(of: $1.name, $1.value) }
  }

  /// False, and the stream reset, when the client would not take the headers (RFC 9113 §6.5.2).
  private mutating func allows(
    _ template: HeaderTemplate, _ fields: HPACKHeaders, _ id: StreamID,
    _ output: inout HTTP2Output
  ) -> Bool {
    guard peerHeaderLimitBytes < Int.max else { return true }
    guard Self.size(of: template, fields) > peerHeaderLimitBytes else { return true }
    reset(id, .internalError, &output)
    close(id, .abandoned, &output)
    return false
  }

  private mutating func writeHeadOnce(_ slot: Int, _ id: StreamID, _ output: inout HTTP2Output) {
    guard !streams[slot].hasSentHead else { return }
    streams[slot].hasSentHead = true
    writeHeaders(Self.responseHead, HPACKHeaders(), isLast: false, on: id, &output)
  }

  /// One block in as many frames as it takes (RFC 9113 §4.3).
  private mutating func writeHeaders(
    _ template: HeaderTemplate, _ fields: HPACKHeaders, isLast: Bool, on id: StreamID,
    _ output: inout HTTP2Output
  ) {
    payloadFrames &+= 1
    let start = output.bytes.writerIndex
    let last = isLast ? FrameHead.Flag.endStream : 0
    output.bytes.writeFrameHead(length: 0, kind: FrameHead.Kind.headers, stream: id)
    encoder.begin(&output.bytes)
    encoder.write(template, to: &output.bytes)
    encoder.write(fields, to: &output.bytes)
    let length = output.bytes.writerIndex - start - FrameHead.size
    if length <= FrameHead.payloadLimitBytes {
      let flags = FrameHead.Flag.endHeaders | last
      output.bytes.setInteger(UInt32(length) << 8 | UInt32(FrameHead.Kind.headers), at: start)
      output.bytes.setInteger(flags, at: start + 4)
      return
    }
    guard var block = output.bytes.getSlice(at: start + FrameHead.size, length: length) else {
      preconditionFailure("a block of \(length) bytes is not there")
    }
    output.bytes.moveWriterIndex(to: start)
    var kind = FrameHead.Kind.headers
    while let piece = block.readSlice(
      length: min(FrameHead.payloadLimitBytes, block.readableBytes)),
      piece.readableBytes > 0
    {
      let end = block.readableBytes == 0 ? FrameHead.Flag.endHeaders : 0
      let first = kind == FrameHead.Kind.headers ? last : 0
      output.bytes.writeFrameHead(
        length: piece.readableBytes, kind: kind, flags: end | first, stream: id)
      output.bytes.writeImmutableBuffer(piece)
      kind = FrameHead.Kind.continuation
    }
  }
}

extension ByteBuffer {
  fileprivate mutating func writePart(of bytes: [UInt8], _ range: Range<Int>) {
    bytes.withUnsafeBytes { all in
      _ = writeBytes(UnsafeRawBufferPointer(rebasing: all[range]))
    }
  }
}
