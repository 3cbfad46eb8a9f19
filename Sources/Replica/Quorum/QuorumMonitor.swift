public import Base
public import Raft

/// How many voters answer, at one instant, and whether they are enough.
public struct QuorumView: Hashable, Sendable {
  /// One electorate: all voters, or one half of a joint configuration.
  public struct Half: Hashable, Sendable {
    /// N.
    public var voters: Int
    /// R: voters heard within the window, this member included if it is one of them.
    public var heard: Int

    public init(voters: Int, heard: Int) {
      self.voters = voters
      self.heard = heard
    }

    /// R > ⌊N/2⌋. Nobody is no majority.
    public var isQuorate: Bool {
      heard > voters / 2
    }
  }

  /// The voters in force; of a joint configuration those of the new half.
  public var current: Half
  /// Joint configuration only: the old half.
  public var outgoing: Half?
  /// Voters of either half that were not heard, sorted.
  public var missing: [MemberID]

  public init(current: Half, outgoing: Half? = nil, missing: [MemberID]) {
    self.current = current
    self.outgoing = outgoing
    self.missing = missing
  }

  public var isQuorate: Bool { current.isQuorate && (outgoing?.isQuorate ?? true) }
}

/// The quorum rule: which voters answered a ping lately (Docs/Consistency.md, *The quorum rule*). A
/// detector only: it makes refusals quick and explains them; safety rests on Raft.
public struct QuorumMonitor: Hashable, Sendable {
  /// One peer and the instant at which the newest ping that it answered was sent.
  private struct Contact: Hashable, Sendable {
    var member: MemberID
    var pingedAt: Instant
    /// When its newest answer came.
    var answeredAt: Instant
  }

  public let me: MemberID
  /// How long an answer counts, from the instant at which its ping was sent.
  public let window: Duration
  /// Sorted by member.
  private var contacts: [Contact] = []

  public init(me: MemberID, window: Duration) {
    demand(window > .zero, "a window of \(window) hears nobody")
    self.me = me
    self.window = window
  }

  /// Notes that `member` answered the ping that was sent at `pingedAt`. An instant that has not
  /// come yet is of no ping of ours and is ignored.
  public mutating func heard(_ member: MemberID, pingedAt: Instant, now: Instant) {
    guard pingedAt >= .zero, pingedAt <= now, member != me else { return }
    let position = contacts.firstIndex { $0.member >= member } ?? contacts.count
    guard position < contacts.count, contacts[position].member == member else {
      return contacts.insert(
        Contact(member: member, pingedAt: pingedAt, answeredAt: now), at: position)
    }
    guard pingedAt > contacts[position].pingedAt else { return }
    contacts[position].pingedAt = pingedAt
    contacts[position].answeredAt = now
  }

  /// Forgets everyone who is no member any more.
  public mutating func retain(_ configuration: Configuration) {
    contacts.removeAll { contact in
      !configuration.members.contains { $0.id == contact.member }
    }
  }

  public func hears(_ member: MemberID, at now: Instant) -> Bool {
    if member == me { return true }
    guard let contact = contacts.first(where: { $0.member == member }) else { return false }
    return now - contact.pingedAt <= window
  }

  /// Whether `member` is heard and its newest answer came within `span`: a steady answer, however
  /// long its way is.
  public func answers(_ member: MemberID, within span: Duration, at now: Instant) -> Bool {
    guard let contact = contacts.first(where: { $0.member == member }) else { return false }
    return hears(member, at: now) && now - contact.answeredAt <= span
  }

  /// The time since the newest ping that `member` answered; `nil`: it never answered.
  public func silence(of member: MemberID, at now: Instant) -> Duration? {
    contacts.first { $0.member == member }.map { now - $0.pingedAt }
  }

  /// R and N over the voters of `configuration`, in both halves of a joint one.
  public func view(of configuration: Configuration, at now: Instant) -> QuorumView {
    var current = QuorumView.Half(voters: 0, heard: 0)
    var outgoing = QuorumView.Half(voters: 0, heard: 0)
    var isJoint = false
    var missing: [MemberID] = []
    for member in configuration.members {
      let isInNewHalf: Bool
      let isInOldHalf: Bool
      switch member.role {
      case .learner: continue
      case .voter: (isInNewHalf, isInOldHalf) = (true, true)
      case .incoming: (isInNewHalf, isInOldHalf) = (true, false)
      case .outgoing, .demoting: (isInNewHalf, isInOldHalf) = (false, true)
      }
      isJoint = isJoint || !(isInNewHalf && isInOldHalf)
      let isHeard = hears(member.id, at: now)
      if !isHeard { missing.append(member.id) }
      if isInNewHalf { current.voters += 1 }
      if isInOldHalf { outgoing.voters += 1 }
      if isInNewHalf && isHeard { current.heard += 1 }
      if isInOldHalf && isHeard { outgoing.heard += 1 }
    }
    return QuorumView(current: current, outgoing: isJoint ? outgoing : nil, missing: missing)
  }

  /// The first instant after `now` at which somebody who is heard falls silent, unless heard
  /// again; `.distantFuture`: nobody is.
  public func nextSilence(after now: Instant) -> Instant {
    var next = Instant.distantFuture
    for contact in contacts {
      let silentAt = contact.pingedAt + window + .nanoseconds(1)
      if silentAt > now { next = min(next, silentAt) }
    }
    return next
  }
}
