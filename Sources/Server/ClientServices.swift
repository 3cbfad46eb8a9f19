import NIOCore
import RPC

/// Everything that clients are served with, as one table of methods.
struct ClientServices: Sendable {
  private let face: ClientFace
  /// One for each client loop, as the contests.
  private let watches: [WatchDesk]
  private let contests: [ContestDesk]
  let health: HealthDesk

  init(
    _ face: ClientFace, watches: [WatchDesk], door: ReplicaDoor, settings: MemberSettings
  ) {
    self.face = face
    health = HealthDesk(door: door)
    self.watches = watches
    contests = watches.map {
      ContestDesk(on: $0.loop, face: face, watches: $0, settings: settings)
    }
  }

  var methods: MethodTable {
    var table = face.methods
    ContestDesk.add(contests, of: face, to: &table)
    health.add(to: &table)
    ReflectionDesk.add(to: &table)
    return table
  }

  /// Ends what would go on until its client ends it.
  func stop() async {
    health.stop()
    for desk in contests { try? await desk.loop.submit { desk.stop() }.get() }
    for desk in watches { try? await desk.loop.submit { desk.stop() }.get() }
  }
}
