internal import NIOCore

/// Who a connection's events are for.
protocol HTTP2Owner: AnyObject {
  func handle(_ event: HTTP2Event)
  /// Something was read, and its events were handled.
  func sawRead()
  /// The last of all: the channel is closed, or failed before it was open.
  func disconnected(_ reason: String?)
}

/// Carries an `HTTP2Core` on a channel: bytes in, events to the owner, one write a batch. Confined
/// to the channel's loop.
final class HTTP2Handler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  /// How long the last words may take to reach the socket.
  private static let closeTimeout = TimeAmount.seconds(20)
  /// A buffer up to this size is kept for the next write.
  private static let keptBytes = 8 * 1024

  private(set) var core: HTTP2Core
  private var output: HTTP2Output
  /// nil until somebody uses the connection, and when it is over.
  private weak var owner: (any HTTP2Owner)?
  private var context: ChannelHandlerContext?
  private var gate: FlushGate!
  private var isHandling = false
  private var isReading = false
  private var isWriting = false
  /// Written since the socket was last able to take more.
  private var owedBytes = 0
  private var postponesRead = false
  private var closeReason: String?
  private var isOver = false

  init(_ role: HTTP2Core.Role, _ limits: HTTP2Limits, hold: FlushHold) {
    var output = HTTP2Output()
    core = HTTP2Core(role, limits, &output)
    self.output = output
    gate = FlushGate(hold) { [weak self] in self?.write() }
  }

  /// Tells the owner what happens, and what has happened.
  func serve(_ owner: any HTTP2Owner) {
    self.owner = owner
    handleEvents()
    if isOver { owner.disconnected(closeReason) }
  }

  // MARK: From the owner

  /// Events that it brings about are handled before it returns, unless one is just being handled.
  func step(_ input: HTTP2Input) {
    core.step(input, &output)
    handleEvents()
    if output.bytes.readableBytes > 0, !isReading, !isWriting { gate.flush() }
  }

  /// Closes at once.
  func close(_ reason: String? = nil) {
    closeReason = closeReason ?? reason
    context?.close(promise: nil)
  }

  /// Closes when all that was written before has reached the socket.
  func closeAfterWriting(_ reason: String? = nil) {
    guard let context else { return }
    closeReason = closeReason ?? reason
    let channel = context.channel
    let force = context.eventLoop.scheduleTask(in: Self.closeTimeout) {
      channel.close(promise: nil)
    }
    channel.closeFuture.whenComplete { _ in force.cancel() }
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    let bytes = output.bytes
    output.bytes = ByteBuffer()
    context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
  }

  // MARK: Events

  private func handleEvents() {
    guard !isHandling, !isOver, !output.events.isEmpty, let owner else { return }
    isHandling = true
    var next = 0
    // Handling one may bring about more. After the end nobody is there to answer.
    while next < output.events.count, !isOver {
      let event = output.events[next]
      next += 1
      owner.handle(event)
    }
    if next > 256 { output.events = [] } else { output.events.removeAll(keepingCapacity: true) }
    isHandling = false
  }

  // MARK: Out

  /// Hands over what waits, and as much more as the socket takes.
  private func write() {
    guard let context, context.channel.isActive, !isWriting else { return }
    isWriting = true
    while output.bytes.readableBytes > 0 {
      var bytes = ByteBuffer()
      swap(&bytes, &output.bytes)
      if !context.channel.isWritable { owedBytes += bytes.readableBytes }
      context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
      if bytes.capacity <= Self.keptBytes, output.bytes.capacity == 0 {
        bytes.clear()
        swap(&bytes, &output.bytes)
      }
      refill(context)
    }
    isWriting = false
  }

  private func refill(_ context: ChannelHandlerContext) {
    core.step(
      .writable(bytes: context.channel.isWritable ? HTTP2Limits.portionBytes : 0), &output)
    handleEvents()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      owedBytes = 0
      if !isWriting {
        refill(context)
        write()
      }
      if postponesRead {
        postponesRead = false
        context.read()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  /// A peer that asks and does not listen is not read from: it cannot make us owe it ever more.
  func read(context: ChannelHandlerContext) {
    if core.role == .server, owedBytes > HTTP2Limits.owedLimitBytes {
      postponesRead = true
    } else {
      context.read()
    }
  }

  // MARK: In

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func channelActive(context: ChannelHandlerContext) {
    write()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    core.step(.received(unwrapInboundIn(data), now: .now()), &output)
    handleEvents()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    owner?.sawRead()
    if output.bytes.readableBytes > 0 { gate.flush() }
    context.fireChannelReadComplete()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close("\(error)")
  }

  func channelInactive(context: ChannelHandlerContext) {
    over()
    context.fireChannelInactive()
  }

  /// A channel that never became active is only taken apart.
  func handlerRemoved(context: ChannelHandlerContext) {
    over()
  }

  private func over() {
    guard !isOver else { return }
    isOver = true
    context = nil
    owner?.disconnected(closeReason)
  }
}
