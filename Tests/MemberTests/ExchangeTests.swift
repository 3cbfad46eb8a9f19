import Base
import Member
import Raft
import Testing
import Wire

/// Raft §7: a follower takes one snapshot at a time, and whatever becomes of the sender, the next
/// one finds room.
@Suite struct `the receiver of a snapshot` {
  private let second = SnapshotStreamID(12, isDialed: false)

  /// The sender's machine lost its power, so no end of the connection ever comes. The next leader
  /// must not be told to wait: without this member it cannot commit.
  @Test func `takes the next leader's in place of one whose sender vanished`() {
    var side = Side.inMiddle
    side.standing.term = Term(3)
    side.standing.leader = Side.other
    _ = side.connect(second, Side.other)
    #expect(
      side.take(.frame(Side.header(3), on: second)) == [
        .note(.receivingEnded(from: Side.leader, .displaced)),
        .order(.abandon(Side.incoming)), .send(.rejected(.displaced), on: Side.incoming),
        .note(.receives(from: Side.other)), .order(.expect(second)),
      ])
    #expect(side.take(.frame(Side.chunk(0), on: second)) == [.order(.piece(second, [1, 2, 3]))])
    #expect(side.take(.frame(Side.chunk(1), on: Side.incoming)) == [])
  }

  @Test func `takes what the same leader begins anew`() {
    var side = Side.inMiddle
    _ = side.connect(second)
    #expect(side.take(.frame(Side.header(), on: second)).last == .order(.expect(second)))
  }

  @Test func `displaces even what waits for its last sync`() {
    var side = Side.inMiddle
    _ = side.take(.frame(Side.end(of: [[1, 2, 3]]), on: Side.incoming))
    _ = side.connect(second)
    let effects = side.take(.frame(Side.header(), on: second))
    #expect(effects.contains(.order(.abandon(Side.incoming))))
    // It had become whole meanwhile; nobody hears of it.
    let late = SnapshotReport.arrived(Side.incoming, applied: Side.base().last)
    #expect(side.take(.report(late)) == [])
  }

  @Test func `is not moved by who does not lead`() {
    var side = Side.inMiddle
    let stale = side.connect(second, Side.other) + side.take(.frame(Side.header(1), on: second))
    #expect(stale == [.send(.rejected(.staleTerm), on: second)])
    let third = SnapshotStreamID(13, isDialed: false)
    _ = side.connect(third, Side.other)
    #expect(
      side.take(.frame(Side.header(2), on: third)) == [.send(.rejected(.staleTerm), on: third)])
    #expect(
      side.take(.frame(Side.chunk(1), on: Side.incoming)) == [
        .order(.piece(Side.incoming, [1, 2, 3]))
      ])
  }

  @Test func `needs nothing that it has, or that its log is about to begin with`() {
    var side = Side.receiving
    _ = side.connect()
    #expect(
      side.take(.frame(Side.header(2, 3), on: Side.incoming)) == [
        .send(.rejected(.notNeeded), on: Side.incoming)
      ])
    side.standing.installing = Side.base().last
    _ = side.connect(second)
    #expect(
      side.take(.frame(Side.header(), on: second)) == [.send(.rejected(.notNeeded), on: second)])
  }

  @Test func `gives up at once when the sender is another run of its process`() {
    var side = Side.inMiddle
    #expect(side.take(.session(Side.leader, Boot(5))) == [])
    #expect(
      side.take(.session(Side.leader, Boot(6))) == [
        .close(Side.incoming), .note(.receivingEnded(from: Side.leader, .otherBoot)),
        .order(.abandon(Side.incoming)),
      ])
    #expect(side.exchange.isQuiet)
  }

  /// Nothing is heard of the sender, and no other leader comes.
  @Test func `gives up when nothing comes for the idle limit, and not before`() {
    var side = Side.inMiddle
    let before = side.pass(Side.settings.idleLimit + .nanoseconds(-1))
    // Once: it says that what was sent has got here.
    #expect(before == [.send(.working, on: Side.incoming)])
    #expect(
      side.pass(.nanoseconds(1)) == [
        .close(Side.incoming), .note(.receivingEnded(from: Side.leader, .idle)),
        .order(.abandon(Side.incoming)),
      ])
    #expect(side.exchange.isQuiet && side.exchange.wakeAt == .distantFuture)
  }

  @Test func `says that its disk works, and counts no silence meanwhile`() {
    var side = Side.inMiddle
    _ = side.take(.frame(Side.chunk(1), on: Side.incoming))
    let effects = side.pass(Side.settings.idleLimit * 3)
    #expect(effects == Array(repeating: .send(.working, on: Side.incoming), count: 15))
    #expect(side.take(.report(.taken(Side.incoming))) == [.took(Side.incoming)])
    #expect(side.take(.frame(Side.chunk(2), on: Side.incoming)).count == 1)
    // A disk that never comes back has its bound too.
    let last = side.pass(Side.settings.diskLimit * 2).suffix(3)
    #expect(
      last == [
        .close(Side.incoming), .note(.receivingEnded(from: Side.leader, .ownDisk)),
        .order(.abandon(Side.incoming)),
      ])
  }

  @Test func `tells the log to keep what the core took, and drops the rest`() {
    for isTaken in [true, false] {
      var side = Side.inMiddle
      let end = Side.end(of: [[1, 2, 3]])
      #expect(
        side.take(.frame(end, on: Side.incoming)) == [.order(.finish(Side.incoming))])
      let whole = side.take(.report(.arrived(Side.incoming, applied: Side.base().last)))
      #expect(
        whole == [
          .received(Side.incoming, Side.base(), term: Term(2), from: Side.leader),
          .send(.accepted(Side.base()), on: Side.incoming),
        ])
      side.standing.installing = isTaken ? Side.base().last : nil
      let order: SnapshotOrder =
        isTaken ? .release(Side.incoming) : .abandon(Side.incoming)
      #expect(side.take(.judged(Side.incoming)) == [.order(order)])
      // The sender hangs up, or is gone.
      #expect(side.pass(Side.settings.idleLimit) == [.close(Side.incoming)])
      #expect(side.exchange.isQuiet)
    }
  }

  @Test func `refuses what is not what was sent`() {
    let frames: [SnapshotFrame] = [
      Side.chunk(3), .end(.init(chunks: 9, checksum: 0)), .accepted(Side.base()), Side.header(),
    ]
    for frame in frames {
      var side = Side.inMiddle
      #expect(
        side.take(.frame(frame, on: Side.incoming)) == [
          .note(.receivingEnded(from: Side.leader, .refused(.damaged))),
          .order(.abandon(Side.incoming)), .send(.rejected(.damaged), on: Side.incoming),
        ])
    }
  }

  @Test func `closes a connection on which nothing ever comes`() {
    var side = Side.receiving
    #expect(side.connect() == [])
    #expect(side.pass(Side.settings.idleLimit) == [.close(Side.incoming)])
    for number in 1...100 {
      _ = side.connect(SnapshotStreamID(UInt64(number), isDialed: false))
    }
    let closed = side.pass(Side.settings.idleLimit).count
    #expect(closed == 16)
  }
}

/// However a stream ends, its source is closed, and the core hears of it in bounded time: until
/// then no row that is compacted can go, and the follower is sent nothing.
@Suite struct `the sender of a snapshot` {
  /// Its machine lost power when its kernel had acknowledged the last byte, and before its word.
  @Test func `gives up at once when the follower comes back as another run`() {
    var side = Side.awaitingAnswer
    #expect(side.pass(.seconds(2)) == [])
    #expect(
      side.take(.session(Side.follower, Boot(6))) == [
        .close(Side.outgoing), .note(.sendingEnded(to: Side.follower, .otherBoot)),
      ] + Side.failure)
    #expect(side.exchange.isQuiet)
  }

  @Test func `waits for the last word as long as the follower works, and not for ever`() {
    var side = Side.awaitingAnswer
    for _ in 1...30 {
      #expect(side.pass(.seconds(1)) == [])
      _ = side.take(.frame(.working, on: Side.outgoing))
    }
    let ended =
      [
        .close(Side.outgoing), .note(.sendingEnded(to: Side.follower, .idle)),
      ] + Side.failure
    var silent = side
    #expect(silent.pass(Side.settings.idleLimit + .nanoseconds(-1)) == [])
    #expect(silent.pass(.nanoseconds(1)) == ended)
    var busy: [SnapshotEffect] = []
    for _ in 1...200 {
      busy += side.pass(.seconds(1))
      _ = side.take(.frame(.working, on: Side.outgoing))
    }
    #expect(busy == ended)
  }

  @Test func `gives up when the follower takes nothing more`() {
    var side = Side.dialing()
    _ = side.take(.connected(Side.outgoing, with: Side.follower, Boot(5), saysWorking: true))
    #expect(
      side.take(.report(.chunk(Side.outgoing, [1]))) == [
        .send(Side.chunk(0, [1]), on: Side.outgoing)
      ])
    #expect(Array(side.pass(Side.settings.idleLimit).suffix(2)) == Side.failure)
  }

  @Test func `of an older build, which says nothing, waits as long as a disk may take`() {
    var side = Side.dialing()
    _ = side.take(.connected(Side.outgoing, with: Side.follower, Boot(5), saysWorking: false))
    _ = side.take(.report(.exhausted(Side.outgoing)))
    #expect(side.pass(Side.settings.diskLimit + .nanoseconds(-1)) == [])
    #expect(Array(side.pass(.nanoseconds(1)).suffix(2)) == Side.failure)
  }

  @Test func `says that its own disk works`() {
    var side = Side.dialing()
    let begun = side.take(
      .connected(Side.outgoing, with: Side.follower, Boot(5), saysWorking: true))
    #expect(
      begun == [
        .send(Side.header(), on: Side.outgoing), .order(.read(source: 4, Side.outgoing)),
      ])
    #expect(
      side.pass(.seconds(10)) == Array(repeating: .send(.working, on: Side.outgoing), count: 10))
    #expect(Array(side.pass(Side.settings.diskLimit).suffix(2)) == Side.failure)
  }

  /// A member with two peer URLs of which the first is dead is a healthy voter until it needs a
  /// snapshot.
  @Test func `tries every address, and keeps to the one that works`() {
    for isRefused in [true, false] {
      var side = Side.dialing(addresses: 2)
      let again = SnapshotStreamID(2, isDialed: true)
      // One address refuses at once, the other swallows what is sent there.
      let effects =
        isRefused ? side.take(.closed(Side.outgoing)) : side.pass(Side.settings.idleLimit)
      #expect(
        effects.last == .dial(again, to: Side.follower, attempt: 1), "refused: \(isRefused)")
      _ = side.take(.connected(again, with: Side.follower, Boot(5), saysWorking: true))
      _ = side.take(.report(.exhausted(again)))
      #expect(
        side.take(.frame(.accepted(Side.base()), on: again)) == [
          .close(again), .order(.close(source: 4)),
          .sent(Side.request, .delivered(Side.base())),
        ])
      _ = side.take(.requested(Side.request))
      let next = side.take(
        .opened(Side.request, Side.head, base: Side.base(), addresses: 2))
      #expect(
        next.last
          == .dial(SnapshotStreamID(3, isDialed: true), to: Side.follower, attempt: 1))
    }
  }

  @Test func `gives up when no address answers, and begins with the next`() {
    var side = Side.dialing(addresses: 2)
    _ = side.take(.closed(Side.outgoing))
    let last = side.take(.closed(SnapshotStreamID(2, isDialed: true)))
    #expect(last == [.note(.sendingEnded(to: Side.follower, .closed))] + Side.failure)
    _ = side.take(.requested(Side.request))
    let next = side.take(.opened(Side.request, Side.head, base: Side.base(), addresses: 2))
    #expect(
      next.last == .dial(SnapshotStreamID(3, isDialed: true), to: Side.follower, attempt: 2))
  }

  @Test func `gives up a state that is never opened, and closes one that opens too late`() {
    var side = Side.sending
    #expect(side.take(.requested(Side.request)) == [.openSource(Side.request)])
    #expect(
      side.pass(Side.settings.diskLimit) == [
        .note(.sendingEnded(to: Side.follower, .ownDisk)), .sent(Side.request, .failed),
      ])
    let late = side.take(.opened(Side.request, Side.head, base: Side.base(), addresses: 1))
    #expect(late == [.order(.close(source: 4))])
  }

  @Test func `ends what an earlier leadership began`() {
    var side = Side.awaitingAnswer
    side.standing.maySend = false
    #expect(
      side.take(.timer) == [
        .close(Side.outgoing), .note(.sendingEnded(to: Side.follower, .notLeading)),
      ] + Side.failure)
  }

  @Test func `ends a stream for which the core asks once more`() {
    var side = Side.awaitingAnswer
    let effects = side.take(.requested(Side.request))
    #expect(Array(effects.suffix(3)) == Side.failure + [.openSource(Side.request)])
  }

  @Test func `believes no word but the one that it waits for`() {
    let frames: [SnapshotFrame] = [
      .accepted(Side.base(8)), .rejected(.noSpace), Side.chunk(0), Side.header(),
    ]
    for frame in frames {
      var side = Side.awaitingAnswer
      let effects = side.take(.frame(frame, on: Side.outgoing))
      #expect(Array(effects.suffix(2)) == Side.failure)
      #expect(side.exchange.isQuiet)
    }
  }
}
