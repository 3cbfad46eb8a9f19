import Base
import Glibc
import NIOCore
import Raft
import Replica
import Wire

/// One TCP connection with a peer: frames in, frames out, and how far the handshake has come.
///
/// It belongs to the transport's event loop. What to do about anything is the transport's business.
///
/// ```text
///  dialer                     acceptor
///    hello            ──▶       judges it; answers in any case, so that each side finds out
///    judges it        ◀──     hello      by itself what is wrong
///    hello, with the  ──▶       now knows that it was admitted: the session is open
///    acceptor's boot
/// ```
final class PeerConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Phase {
    /// Dialed; the peer's hello is to come.
    case handshake(peer: MemberID)
    /// Accepted; nobody knows from whom.
    case stranger
    /// Accepted; our hello is out, the confirming one is to come.
    case confirming(Handshake)
    case open(peer: MemberID, boot: Boot)
    case closed
  }

  let number: UInt64
  let isDialed: Bool
  var purpose: Hello.Purpose
  var phase: Phase
  /// The lab has cut the direction from the peer: nothing that arrives is looked at.
  var isDeaf = false
  /// The lab has cut the direction to the peer: nothing leaves.
  var isMute = false
  /// The socket is closed, but the lab has cut the line over which that news would have come.
  var isSecretlyClosed = false
  var lastReceived: Instant
  var openedAt: Instant?
  var handshakeDeadline: Scheduled<Void>?
  /// The newest protocol of the peer's build; zero: it has not said hello.
  var peerProtocol: UInt32 = 0 { didSet { outbox.peerProtocol = peerProtocol } }
  /// Of a connection for a snapshot, once it has one.
  var stream: SnapshotStreamID?
  /// Chunks of a snapshot that were handed over and not taken yet.
  var unspooledChunks = 0
  private(set) var channel: (any Channel)?
  private var decoder: FrameDecoder
  private var outbox: PeerOutbox
  private unowned let transport: PeerTransport

  init(
    number: UInt64, phase: Phase, purpose: Hello.Purpose, transport: PeerTransport, now: Instant
  ) {
    self.number = number
    self.phase = phase
    self.purpose = purpose
    self.transport = transport
    if case .handshake = phase { isDialed = true } else { isDialed = false }
    lastReceived = now
    decoder = FrameDecoder(limits: transport.settings.limits)
    outbox = PeerOutbox(limits: transport.settings.limits)
  }

  /// Whom the connection is with, as far as is known.
  var peer: MemberID? {
    switch phase {
    case .handshake(let peer), .open(let peer, _): peer
    case .confirming(let handshake): handshake.from
    case .stranger, .closed: nil
    }
  }

  var isOpen: Bool { if case .open = phase { true } else { false } }

  var isClosed: Bool { if case .closed = phase { true } else { false } }

  /// Whether a frame written now would go to the socket rather than pile up.
  var isWritable: Bool { channel?.isWritable ?? false }

  // MARK: Out

  /// Puts a message into the outbox; `false`: there is no room, and it is dropped.
  func enqueue(_ message: PeerMessage) -> Bool { outbox.enqueue(message) }

  /// Moves the outbox to the socket as far as the socket takes it, with one flush.
  func flush() {
    guard !isMute, let channel, channel.isActive, !outbox.isEmpty else { return }
    var hasWritten = false
    while channel.isWritable && !outbox.isEmpty {
      var bytes: [UInt8] = []
      outbox.drain(into: &bytes, limitBytes: Self.writeBytes)
      channel.write(ByteBuffer(bytes: bytes), promise: nil)
      hasWritten = true
    }
    if hasWritten { channel.flush() }
  }

  /// Bytes of one write: large enough to save calls, small enough that a heartbeat, which goes to
  /// the head of the outbox, soon follows.
  private static let writeBytes = 64 << 10

  /// Sends one frame beside the outbox: hellos and snapshots.
  func send(_ frame: Frame) {
    guard !isMute, let channel else { return }
    var bytes: [UInt8] = []
    frame.encode(into: &bytes, limits: transport.settings.limits)
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  /// Closes the socket. `breaking`: with a reset instead of an end.
  func close(breaking: Bool = false) {
    phase = .closed
    handshakeDeadline?.cancel()
    handshakeDeadline = nil
    guard let channel, channel.isActive else { return }
    if breaking {
      let provider = channel as? any SocketOptionProvider
      _ = provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }
    channel.close(promise: nil)
  }

  /// Starts or stops reading from the socket.
  func setReading(_ isReading: Bool) {
    try? channel?.syncOptions?.setOption(.autoRead, value: isReading)
  }

  /// Cuts the directions that are not open, or gives them back as they were.
  func cut(_ link: Link) {
    isMute = link.send != .open
    let wasDeaf = isDeaf
    isDeaf = link.receive != .open
    if wasDeaf != isDeaf { setReading(!isDeaf) }
    if wasDeaf && !isDeaf { handOver() }
    flush()
  }

  // MARK: In

  func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
    if context.channel.isActive { transport.connected(self) }
  }

  func channelActive(context: ChannelHandlerContext) { transport.connected(self) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosed else { return }
    unwrapInboundIn(data).withUnsafeReadableBytes { decoder.receive($0) }
    handOver()
  }

  /// Hands over the frames that have arrived whole.
  private func handOver() {
    guard !isDeaf else { return }
    lastReceived = transport.now()
    do throws(WireError) {
      while !isClosed && !isDeaf, let frame = try decoder.next() {
        transport.received(frame, on: self)
      }
    } catch {
      transport.received(error, on: self)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) { transport.receivedAll() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    guard context.channel.isWritable, !isClosed else { return }
    flush()
    transport.becameWritable(self)
  }

  func channelInactive(context: ChannelHandlerContext) {
    transport.disconnected(self)
    channel = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
