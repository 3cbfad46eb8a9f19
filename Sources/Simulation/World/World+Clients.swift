import Base
import KeyValue
import Linearizability
import Member
import Raft
import Replica
import Storage

/// Clients and what members tell them.
extension World {
  func startClients() {
    for client in clients.indices {
      after(weather.think.draw(&clients[client].dice), .clientTurn(client))
    }
  }

  // MARK: A client

  func ask(_ client: Int) {
    guard !isCalm, clients[client].pending == nil else { return }
    let member = members[clients[client].dice.index(below: weather.members)]
    ask(client, drawCall(client), member)
  }

  /// One attempt at one member.
  func ask(_ client: Int, _ call: History.Call, _ member: SimulatedMember) {
    clients[client].attempt += 1
    let session = client * 1_000_000 + member.position * 100_000 + Int(member.boot.number)
    clients[client].pending = history.invoke(
      call, by: client, session: session, at: now.nanoseconds)
    let attempt = clients[client].attempt
    tell(nil, "c\(client) asks \(member.name): \(call)")
    var maxStaleness: Duration?
    if let limit = weather.maxStaleness, !isCalm, clients[client].dice.chance(1, in: 2) {
      maxStaleness = limit
    }
    let request = ClientRequest(
      client: client, attempt: attempt, member: member.position, boot: member.boot,
      timeout: weather.clientTimeout, wish: .init(call, maxStaleness: maxStaleness))
    after(clientDelay(client), .request(request))
    after(weather.clientTimeout, .clientTimeout(client, attempt: attempt))
  }

  private func clientDelay(_ client: Int) -> Duration {
    clients[client].dice.duration(in: .microseconds(20)..<Duration.microseconds(300))
  }

  private func drawCall(_ client: Int) -> History.Call {
    let number = clients[client].dice.index(below: weather.keys)
    let key = "k\(number)"
    let padding = String(repeating: "x", count: max(0, weather.valueBytes - 8))
    let value = "\(client).\(clients[client].attempt)\(padding)"
    switch clients[client].dice.index(below: 16) {
    case 0...4: return .put(key: key, value: value)
    case 5: return .delete(key: key)
    case 6...7:
      return .compareAndSwap(
        key: key, expected: clients[client].lastSeen[number], value: value)
    case 8...11: return .get(key: key, .linearizable)
    case 12: return .scan(.linearizable)
    case 13...14: return .get(key: key, .serializable)
    default: return .scan(.serializable)
    }
  }

  func take(_ answer: ClientAnswer, _ client: Int, _ attempt: Int) {
    guard clients[client].attempt == attempt, let id = clients[client].pending else { return }
    clients[client].pending = nil
    let outcome: History.Outcome
    switch answer {
    case .done(let done):
      outcome = done
      counts.acknowledged += 1
    case .refused:
      outcome = .refused
      counts.refused += 1
    case .unknown:
      outcome = .unknown
      counts.unknown += 1
    }
    history.complete(id, outcome, at: now.nanoseconds)
    tell(nil, "c\(client) is told: \(outcome)")
    remember(outcome, of: history.operations[id.number].call, client)
    after(weather.think.draw(&clients[client].dice), .clientTurn(client))
  }

  private func remember(_ outcome: History.Outcome, of call: History.Call, _ client: Int) {
    guard let key = call.key, let number = Int(key.dropFirst()),
      number < clients[client].lastSeen.count
    else { return }
    switch (call, outcome) {
    case (_, .got(let value, _, _)): clients[client].lastSeen[number] = value
    case (.put(_, let value), .put), (.compareAndSwap(_, _, let value), .swapped(true, _)):
      clients[client].lastSeen[number] = value
    case (.delete, .deleted): clients[client].lastSeen[number] = nil
    case (.put, _), (.delete, _), (.compareAndSwap, _), (.get, _), (.scan, _): break
    }
  }

  // MARK: A member's client side

  func arrive(_ request: ClientRequest, _ event: Event) {
    let member = members[request.member]
    guard member.isRunning, member.boot == request.boot else {
      // The connection is refused, or ended before it carried anything.
      return reply(.refused, to: request)
    }
    if member.isPaused { return member.backlog.append(event) }
    admit(request, member)
  }

  /// What piled up is taken in together.
  func admit(_ request: ClientRequest, _ member: SimulatedMember) {
    member.inbox.append(request)
    guard !member.isDraining else { return }
    member.isDraining = true
    after(.microseconds(50), .drain(member.position, member.boot))
  }

  func drain(_ member: SimulatedMember) {
    member.isDraining = false
    let local = member.clock.local(at: now)
    var proposals: [ProposalRequest] = []
    var reads: [ReadRequest] = []
    var passed: [(ClientRequest, ReadReady)] = []
    for request in member.inbox {
      if let ready = passing(request, member) {
        passed.append((request, ready))
        continue
      }
      member.nextRequest += 1
      let id = RequestID(member.nextRequest)
      member.waiting[id] = request
      let deadline = local + request.timeout
      switch request.wish {
      case .write(let command, let isGrowing, _):
        let envelope = CommandEnvelope(origin: origin(id, member), command: command)
        proposals.append(
          ProposalRequest(
            id: id, command: envelope.encoded(), deadline: deadline, isGrowing: isGrowing))
      case .compact(let revision):
        let envelope = CommandEnvelope(
          origin: origin(id, member), command: .compaction(revision: revision))
        proposals.append(
          ProposalRequest(
            id: id, command: envelope.encoded(), deadline: deadline, isGrowing: false))
      case .command(let command, keeper: _, sentAt: _):
        let envelope = CommandEnvelope(origin: origin(id, member), command: command)
        proposals.append(
          ProposalRequest(
            id: id, command: envelope.encoded(), deadline: deadline, isGrowing: false))
      case .read(_, let consistency, _):
        reads.append(ReadRequest(id: id, consistency: consistency, deadline: deadline))
      }
    }
    member.inbox = []
    for (request, ready) in passed { serve(request, ready, member) }
    if !proposals.isEmpty { step(member, .propose(proposals)) }
    if !reads.isEmpty { step(member, .read(reads)) }
  }

  /// A read that may miss something is served without asking, if the replica has given leave, as
  /// the product's loops do (`ReplicaCore.serializablePass`); `nil`: it asks.
  private func passing(_ request: ClientRequest, _ member: SimulatedMember) -> ReadReady? {
    guard case .read(_, .serializable(let limit), _) = request.wish,
      let pass = member.core?.serializablePass
    else { return nil }
    // An age that is not known is too old for whoever sets a limit: the replica says so.
    if limit != nil && pass.freshAsOf == nil { return nil }
    return ReadReady(
      id: RequestID(0), index: .zero, freshAsOf: pass.freshAsOf, maxStaleness: limit,
      committed: pass.committed)
  }

  private func origin(_ id: RequestID, _ member: SimulatedMember) -> CommandOrigin {
    CommandOrigin(member: member.id.number, boot: member.boot.number, sequence: id.number)
  }

  func take(_ answer: Answer, _ member: SimulatedMember) {
    let request = member.waiting.removeValue(forKey: answer.id)
    switch answer {
    case .refused(let id, let refusal):
      tell(member, "refuses \(id.number): \(refusal.rule)")
      guard let request else { return }
      refuse(id, request, member)
    case .lost(let id):
      if let request { refuse(id, request, member) }
    case .outcomeUnknown(_, _):
      if let request { reply(.unknown, to: request) }
    case .ready(let ready):
      if let request { serve(request, ready, member) }
    case .changed(let id): tell(member, "change \(id.number) is done")
    case .transferred(_, let target): tell(member, "has handed over to \(text(target))")
    }
  }

  private func refuse(_ id: RequestID, _ request: ClientRequest, _ member: SimulatedMember) {
    switch request.wish {
    case .write, .compact, .command:
      check(checks.requestFates.violation(refused: origin(id, member)))
    case .read: break
    }
    reply(.refused, to: request)
  }

  private func serve(
    _ request: ClientRequest, _ ready: ReadReady, _ member: SimulatedMember
  ) {
    if let readView = member.view?.look() { return serve(request, ready, member, readView) }
    member.nextRequest += 1
    let id = RequestID(member.nextRequest)
    member.seeking[id] = (request, ready)
    post(.show(.client(id)), from: .clients, to: member)
  }

  func serve(
    _ request: ClientRequest, _ ready: ReadReady, _ member: SimulatedMember, _ readView: ReadView
  ) {
    guard case .read(let range, let consistency, let form) = request.wish, let state = member.state
    else { return fail("\(member.name) answers a write as a read") }
    // Between an installation and its adoption the two differ: the client tries again.
    guard readView.generation == state.generation else { return reply(.refused, to: request) }
    let applied = LogIndex(readView.meta.appliedIndex)
    check(
      applied < ready.index
        ? "\(member.name) serves a read at \(ready.index.number) having applied "
          + "\(applied.number)" : nil)
    var age: Int64?
    if case .serializable = consistency, let freshAsOf = ready.freshAsOf {
      let reported = member.clock.local(at: now) - freshAsOf
      let inWorld = member.clock.worldDuration(reported)
      check(
        checks.honestAge.violation(
          member: member.id, applied: applied, age: inWorld, at: now, checks.committed))
      age = inWorld.nanoseconds + 1
      // The process may have been suspended since the core looked.
      if let limit = ready.maxStaleness, reported > limit { return reply(.refused, to: request) }
    }
    if let limit = ready.maxStaleness, age == nil {
      return fail("\(member.name) serves a read of at most \(limit) whose age it does not know")
    }
    do {
      switch try readView.range(range, cache: &member.rowCache, reading: state) {
      case .success(let response):
        reply(
          .done(History.Outcome(response, of: form, revision: readView.revision, age: age)),
          to: request)
      case .failure(let error): fail("\(member.name) refuses a read at no revision: \(error)")
      }
    } catch {
      stateFails(member, error)
      reply(.unknown, to: request)
    }
  }

  func reply(_ answer: ClientAnswer, to request: ClientRequest) {
    if case .command(_, let keeper, _) = request.wish {
      return reply(nil, keeper: keeper, to: request)
    }
    guard let client = request.client else { return }
    after(clientDelay(client), .answer(client, attempt: request.attempt, answer))
  }

  /// A process ends: who waited for it learns that, and nothing else.
  func breakClientConnections(of member: SimulatedMember) {
    for request in member.inbox { reply(.unknown, to: request) }
    for id in member.seeking.keys.sorted() {
      if let sought = member.seeking[id] { reply(.unknown, to: sought.request) }
    }
    for id in member.waiting.keys.sorted() {
      if let request = member.waiting[id] { reply(.unknown, to: request) }
    }
  }
}
