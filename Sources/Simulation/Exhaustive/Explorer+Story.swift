import Raft

/// A way through the states, in words for people and in a form for another process.
extension Explorer {
  // MARK: In words

  /// A line for each move, and one for each member that it changed.
  mutating func story(of path: [Move]) -> [String] {
    var lines: [String] = []
    var global = initialState()
    for (number, move) in path.enumerated() {
      let before = global
      lines.append("\(number + 1). \(words(for: move))")
      let outcome = make(move, in: &global)
      tidy(&global)
      for position in global.members.indices
      where global.members[position] != before.members[position] {
        lines.append("     " + summary(of: cache.members[global.members[position]]))
      }
      if case .violation(let violation) = outcome {
        lines.append("   ✗ \(violation.invariant.rawValue): \(violation.text)")
        break
      }
    }
    return lines
  }

  func words(for move: Move) -> String {
    let name = "m\(move.member + 1)"
    switch move.kind {
    case .deliver: return words(for: cache.packets[move.detail])
    case .deliverCopy: return words(for: cache.packets[move.detail]) + " (and will once more)"
    case .standAtOnce:
      let voters = (0..<scope.memberCount).filter { move.detail & 1 << UInt32($0) != 0 }
      let names = voters.map { "m\($0 + 1)" }.joined(separator: ", ")
      return "\(name)'s time runs out; it asks \(names.isEmpty ? "nobody" : names), and stands"
    case .timeOut: return "\(name)'s time runs out"
    case .fallSilent: return "\(name) has heard nobody for an election time-out"
    case .store: return "\(name)'s oldest write reaches its disk"
    case .storeAll: return "all that \(name) wrote reaches its disk"
    case .beat: return "\(name) begins a round of heartbeats"
    case .propose: return "a client asks \(name) for a command"
    case .change: return "\(name) is asked to \(words(for: cache.change(move.detail)))"
    case .crash: return "\(name) crashes and starts again from its disk"
    case .read: return "a client asks \(name) for a read"
    case .flush: return "\(name)'s state reaches its disk, and its log may be cut"
    case .restore: return "\(name)'s state machine moves to the snapshot"
    }
  }

  private func words(for packet: ExploredMessage) -> String {
    if packet.snapshot?.hasArrived == true {
      return "m\(packet.to.number) learns that its snapshot reached m\(packet.from.number)"
    }
    return "m\(packet.from.number) → m\(packet.to.number): term \(packet.message.term.number), "
      + describe(packet.message.body)
  }

  private func words(for change: ConfigurationChange) -> String {
    switch change {
    case .addLearner(let member): "add m\(member.id.number)"
    case .promote(let member): "let m\(member.number) vote"
    case .remove(let member): "remove m\(member.number)"
    case .update(let member, peerURLs: _): "note new addresses of m\(member.number)"
    case .setVoters(let voters):
      "make the voters \(voters.map { "m\($0.number)" }.joined(separator: ", "))"
    case .introduce(let introductions):
      "write down what \(introductions.map { "m\($0.id.number)" }.joined(separator: ", ")) say"
    case .exchange(voter: let voter, learner: let learner, stays: _):
      "let m\(learner.number) vote instead of m\(voter.number)"
    case .renew(let old, as: let new): "let m\(new.id.number) learn instead of m\(old.number)"
    }
  }

  private func summary(of member: ExploredMember) -> String {
    let core = member.core
    let role =
      switch core.role {
      case .follower: "follows \(core.leader.map { "m\($0.number)" } ?? "nobody")"
      case .preCandidate: "asks around"
      case .candidate: "stands"
      case .leader: "leads"
      }
    var line = "m\(core.id.number) \(role) in \(words(for: core.hardState)), log "
    line += words(for: core.entries, after: core.base)
    if core.commitIndex > .zero { line += ", commit \(core.commitIndex.number)" }
    if let restoring = member.restoring { line += ", to move to \(restoring.last.index.number)" }
    if member.disk.hardState != core.hardState || member.disk.entries != core.entries {
      line += "; on disk: \(words(for: member.disk.hardState)), log "
      line += words(for: member.disk.entries, after: member.disk.base)
    }
    return line
  }

  private func words(for state: HardState) -> String {
    "term \(state.currentTerm.number)"
      + (state.votedFor.map { " (vote m\($0.number))" } ?? "")
  }

  /// The terms, and the voters where they change: `1·1·3{m1 m2}`; behind a cut `4@2 | 3`.
  private func words(for log: [Entry], after base: LogBase) -> String {
    let start =
      base.last.index > .zero ? "\(base.last.index.number)@\(base.last.term.number) | " : ""
    if log.isEmpty { return start + "–" }
    return start
      + log.map { entry in
        switch entry.content {
        case .noop: "\(entry.term.number)"
        case .command: "\(entry.term.number)c"
        case .configuration(let configuration):
          "\(entry.term.number){"
            + configuration.members.filter { configuration.isVoter($0.id) }
            .map { "m\($0.id.number)" }.joined(separator: " ") + "}"
        }
      }.joined(separator: "·")
  }

  // MARK: For another process

  /// The path as text that does not rest on this process's numbers: `kind.member.detail`, where a
  /// message is named by its fingerprint.
  func trail(of path: [Move]) -> String {
    path.map { move in
      var detail = UInt64(move.detail)
      switch move.kind {
      case .deliver, .deliverCopy: detail = name(ofPacket: move.detail)
      case .standAtOnce, .timeOut, .fallSilent, .store, .storeAll, .beat, .propose, .change,
        .crash, .read, .flush, .restore:
        break
      }
      return "\(move.kind.rawValue).\(move.member).\(String(detail, radix: 16))"
    }.joined(separator: ",")
  }

  private func name(ofPacket packet: UInt32) -> UInt64 {
    cache.packets.fingerprints[Int(packet) * renamingCount].high
  }

  /// The story of a walk that ended in a trap: its last move is told, but not made.
  /// `nil`: the text is no trail of this scope.
  public static func story(ofTrapped trail: String, in scope: Scope) -> [String]? {
    var explorer = Explorer(scope)
    var global = explorer.initialState()
    var path: [Move] = []
    let steps = trail.split(separator: ",")
    for (number, text) in steps.enumerated() {
      guard let move = explorer.move(from: text, in: global) else { return nil }
      if number == steps.count - 1 {
        let line = "\(steps.count). \(explorer.words(for: move))"
        return explorer.story(of: path) + [
          line, "   ✗ the core finds an invariant broken and stops",
        ]
      }
      guard case .moved = explorer.make(move, in: &global) else { return nil }
      explorer.tidy(&global)
      path.append(move)
    }
    return nil
  }

  private func move(from text: Substring, in global: GlobalState) -> Move? {
    let parts = text.split(separator: ".")
    guard parts.count == 3, let code = UInt32(parts[0]), let kind = Move.Kind(rawValue: code),
      let member = Int(parts[1]), member < scope.memberCount,
      let detail = UInt64(parts[2], radix: 16)
    else { return nil }
    switch kind {
    case .deliver, .deliverCopy:
      guard let packet = global.packets.first(where: { name(ofPacket: $0) == detail }) else {
        return nil
      }
      return Move(kind, detail: packet)
    case .standAtOnce, .timeOut, .fallSilent, .store, .storeAll, .beat, .propose, .change, .crash,
      .read, .flush, .restore:
      guard detail < 1 << 24 else { return nil }
      return Move(kind, member: member, detail: UInt32(detail))
    }
  }
}
