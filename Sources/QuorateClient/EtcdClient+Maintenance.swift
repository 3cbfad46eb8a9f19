public import EtcdAPI

/// The service `etcdserverpb.Maintenance`.
extension EtcdClient {
  /// The state of one member as a file, piece by piece: `take` gets each message in order, the last
  /// one the SHA-256 of all before it. However long it takes; cancelling the task gives it up.
  public func snapshot(
    of endpoint: Endpoint, _ take: (EtcdSnapshotResponse) throws(SnapshotRefused) -> Void
  ) async throws(ClientError) {
    do throws(CallFailure) {
      let stream: CallStream<EtcdSnapshotRequest, EtcdSnapshotResponse> = try await open(
        EtcdMethod.Maintenance.snapshot, at: endpoint)
      defer { stream.cancel() }
      _ = await stream.send(EtcdSnapshotRequest())
      stream.halfClose()
      while let message = try await stream.next() {
        do throws(SnapshotRefused) {
          try take(message)
        } catch {
          throw CallFailure(
            endpoint: endpoint, status: EtcdStatus(.aborted, error.reason), delivery: .answered)
        }
      }
    } catch {
      throw error.delivery == .neverSent ? .unreachable([error]) : .server(error)
    }
  }

  /// The alarms that are raised now.
  public func alarms() async throws(ClientError) -> Reply<EtcdAlarmResponse> {
    let request = EtcdAlarmRequest.make { $0.action = .get }
    return try await call(EtcdMethod.Maintenance.alarm, request, .read)
  }

  /// Takes an alarm back. Its answer holds the alarm, if there was one.
  public func disarm(
    _ alarm: EtcdAlarmMember
  ) async throws(ClientError) -> Reply<EtcdAlarmResponse> {
    let request = EtcdAlarmRequest.make {
      $0.action = .deactivate
      $0.memberID = alarm.memberID
      $0.alarm = alarm.alarm
    }
    // A second time does nothing more.
    return try await call(EtcdMethod.Maintenance.alarm, request, .read)
  }

  /// Gives the free pages of one member's files back.
  public func defragment(
    _ endpoint: Endpoint
  ) async throws(ClientError) -> Reply<EtcdDefragmentResponse> {
    try await call(EtcdMethod.Maintenance.defragment, EtcdDefragmentRequest(), at: endpoint)
  }
}

/// Why whoever takes a snapshot wants no more of it.
public struct SnapshotRefused: Error, Hashable, Sendable {
  public var reason: String

  public init(reason: String) { self.reason = reason }
}
