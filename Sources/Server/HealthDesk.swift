import EtcdAPI
import NIOCore
import RPC
import Replica
import Services
import Synchronization

/// The service `grpc.health.v1.Health`: whether the member serves.
///
/// It does while it is a member of a formed store and a write would be committed
/// (`ReplicaCore.writeHealth`): a client that balances by health asks another member else. With
/// `--on-quorum-loss wait`, which refuses nothing, it always does, as etcd.
final class HealthDesk: Sendable {
  private struct Watcher {
    var call: StreamCall
    var isKnown: Bool
    /// What the client was told last.
    var told: Bool?
  }

  private struct State {
    /// `nil`: it will be known soon after somebody has asked.
    var isServing: Bool? = false
    var isStopped = false
    /// Who asked while it was not known.
    var waiting: [UnaryCall] = []
    var watchers: [UInt64: Watcher] = [:]
    var lastNumber: UInt64 = 0
  }

  private let state = Mutex(State())
  private let door: ReplicaDoor

  /// Streams of the whole member.
  private static let watchersLimit = 10_000
  /// Calls that wait to be answered, of the whole member.
  private static let waitingLimit = 10_000

  init(door: ReplicaDoor) { self.door = door }

  func add(to table: inout MethodTable) {
    table.unary(EtcdMethod.Health.check) { [self] call in check(call) }
    table.stream(EtcdMethod.Health.watch) { [self] call in open(call) }
  }

  /// From any thread.
  func set(isServing: Bool?) {
    let (watchers, waiting) = state.withLock { state in
      state.isServing = isServing
      let waiting = isServing == nil ? [] : state.waiting
      if isServing != nil { state.waiting = [] }
      return (state.watchers.keys.sorted(), waiting)
    }
    if let isServing {
      for call in waiting { call.answer(HealthService.message(isServing: isServing)) }
    }
    for number in watchers { tell(number) }
  }

  /// Tells the replica whether anybody watches.
  private func showWatchers() {
    door.errands.offer(
      .visit { [self] home in
        home.isHealthWatched = state.withLock { !$0.watchers.isEmpty }
      })
  }

  func stop() {
    let (watchers, waiting) = state.withLock { state in
      state.isServing = false
      state.isStopped = true
      defer { (state.watchers, state.waiting) = ([:], []) }
      return (state.watchers.values.map { $0 }, state.waiting)
    }
    for watcher in watchers { watcher.call.finish(RPCStatus(.stopped)) }
    for call in waiting { call.fail(RPCStatus(.stopped)) }
  }

  private func check(_ call: UnaryCall) {
    do throws(EtcdStatus) {
      let isKnown = try HealthService.isKnown(body: Array(call.message.readableBytesView))
      guard isKnown else { throw HealthService.unknown }
      door.errands.offer(.visit { home in home.step(.probeWrites) })
      let (isServing, isFull) = state.withLock { state in
        let isFull = state.waiting.count >= Self.waitingLimit
        if state.isServing == nil, !isFull { state.waiting.append(call) }
        return (state.isServing, isFull)
      }
      if let isServing {
        call.answer(HealthService.message(isServing: isServing))
      } else if isFull {
        throw .tooManyRequests
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  private func open(_ call: StreamCall) -> (StreamEvent) -> Void {
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    return { [self] event in
      switch event {
      case .message(let message): watch(number, call, Array(message.readableBytesView))
      case .halfClosed: break
      case .writable: tell(number)
      case .cancelled:
        state.withLock { $0.watchers[number] = nil }
        showWatchers()
      }
    }
  }

  private func watch(_ number: UInt64, _ call: StreamCall, _ body: [UInt8]) {
    do throws(EtcdStatus) {
      let isKnown = try HealthService.isKnown(body: body)
      let refusal = state.withLock { state -> EtcdStatus? in
        if state.isStopped { return .stopped }
        if state.watchers.count >= Self.watchersLimit { return .tooManyRequests }
        state.watchers[number] = Watcher(call: call, isKnown: isKnown)
        return nil
      }
      if let refusal { throw refusal }
      showWatchers()
      tell(number)
    } catch {
      call.finish(RPCStatus(error))
    }
  }

  /// Tells one client the status, unless it knows it. What it does not take now it gets when it
  /// takes messages again: not each status, but the one of then.
  private func tell(_ number: UInt64) {
    state.withLock { state in
      guard let watcher = state.watchers[number], let isServing = state.isServing,
        watcher.told != isServing, watcher.isKnown || watcher.told == nil
      else { return }
      let message =
        watcher.isKnown
        ? HealthService.message(isServing: isServing) : HealthService.unknownMessage
      if watcher.call.send(message) { state.watchers[number]!.told = isServing }
    }
  }
}

/// The services of `grpc.reflection`: whoever has no .proto files asks the server for them.
enum ReflectionDesk {
  /// Adds itself to a table that is complete else.
  static func add(to table: inout MethodTable) {
    let own = [EtcdMethod.Reflection.info, EtcdMethod.Reflection.olderInfo]
    let service = ReflectionService(
      services: table.serviceNames + own.map { String($0.dropFirst().prefix { $0 != "/" }) })
    for method in own {
      table.stream(method) { call in
        { event in
          switch event {
          case .message(let message):
            do throws(EtcdStatus) {
              let answer = try service.answer(body: Array(message.readableBytesView))
              // Who asks and does not read is sent away rather than remembered.
              if !call.send(answer) { call.finish(RPCStatus(.tooManyRequests)) }
            } catch {
              call.finish(RPCStatus(error))
            }
          case .halfClosed: call.finish(.ok)
          case .writable, .cancelled: break
          }
        }
      }
    }
  }
}
