import Host
import EtcdAPI
import NIOCore
import RPC
import Replica
import Services

/// The service `grpc.health.v1.Health`: whether the member serves.
///
/// It does while it is a member of a formed store and a write would be committed
/// (`ReplicaCore.writeHealth`): a client that balances by health asks another member else. With
/// `--on-quorum-loss wait`, which refuses nothing, it always does, as etcd.
///
/// One for each client loop, and confined to it.
final class HealthHandler {
  private struct Watcher {
    var call: StreamCall
    var isKnown: Bool
    /// What the client was told last.
    var told: Bool?
  }

  private let control: Inbox<ControlLetter>
  private let loop: Int
  /// `nil`: it will be known soon after somebody has asked.
  private var isServing: Bool? = false
  private var isStopped = false
  /// Who asked while it was not known.
  private var waiting: [OpenCall] = []
  private var watchers: [UInt64: Watcher] = [:]
  private var lastNumber: UInt64 = 0

  /// Streams of one client loop.
  private static let watchersLimit = 10_000
  /// Calls of one client loop that wait to be answered.
  private static let waitingLimit = 10_000

  init(_ context: ClientContext) {
    control = context.inboxes.replica.control
    loop = context.number
  }

  func set(isServing: Bool?) {
    guard !isStopped else { return }
    self.isServing = isServing
    if let isServing {
      for call in waiting { call.answer(HealthService.message(isServing: isServing)) }
      waiting = []
    }
    for number in watchers.keys.sorted() { tell(number) }
  }

  /// Tells the replica whether anybody watches.
  private func showWatchers() {
    control.offer(.watchHealth(loop: loop, !watchers.isEmpty))
  }

  func stop() {
    isServing = false
    isStopped = true
    for watcher in watchers.values { watcher.call.finish(RPCStatus(.stopped)) }
    for call in waiting { call.fail(RPCStatus(.stopped)) }
    (watchers, waiting) = ([:], [])
  }

  func check(_ call: OpenCall) {
    do throws(EtcdStatus) {
      guard try HealthService.isKnown(body: call.body) else { throw HealthService.unknown }
      control.offer(.probeWrites)
      if let isServing {
        call.answer(HealthService.message(isServing: isServing))
      } else if waiting.count < Self.waitingLimit {
        waiting.append(call)
      } else {
        throw .tooManyRequests
      }
    } catch {
      call.fail(RPCStatus(error))
    }
  }

  func open(_ call: StreamCall) -> (StreamEvent) -> Void {
    lastNumber += 1
    let number = lastNumber
    return { [self] event in
      switch event {
      case .message(let message): watch(number, call, Array(message.readableBytesView))
      case .halfClosed: break
      case .writable: tell(number)
      case .cancelled:
        watchers[number] = nil
        showWatchers()
      }
    }
  }

  private func watch(_ number: UInt64, _ call: StreamCall, _ body: [UInt8]) {
    do throws(EtcdStatus) {
      let isKnown = try HealthService.isKnown(body: body)
      if isStopped { throw .stopped }
      if watchers.count >= Self.watchersLimit { throw .tooManyRequests }
      watchers[number] = Watcher(call: call, isKnown: isKnown)
      showWatchers()
      tell(number)
    } catch {
      call.finish(RPCStatus(error))
    }
  }

  /// Tells one client the status, unless it knows it. What it does not take now it gets when it
  /// takes messages again: not each status, but the one of then.
  private func tell(_ number: UInt64) {
    guard let watcher = watchers[number], let isServing, watcher.told != isServing,
      watcher.isKnown || watcher.told == nil
    else { return }
    let message =
      watcher.isKnown
      ? HealthService.message(isServing: isServing) : HealthService.unknownMessage
    if watcher.call.send(message) { watchers[number]!.told = isServing }
  }
}

/// The services of `grpc.reflection`: whoever has no .proto files asks the server for them.
enum ReflectionHandler {
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
