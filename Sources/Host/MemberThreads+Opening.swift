import FaultyStorage
import Base
import Foundation
import KeyValue
import Member
import Raft
package import Replica
import Storage

extension MemberThreads.Opened {
  /// Opens or makes the data directory, checks it, and builds the store in memory.
  ///
  /// `place`: where a member without a directory begins.
  package static func open(
    _ settings: HostSettings, _ place: Place?
  ) -> Result<MemberThreads.Opened, ServerExit> {
    guard let own = settings.initialCluster.member(named: settings.name) else {
      return .failure(.wrongInitialCluster("it does not name this member, \(settings.name)"))
    }
    if StateFiles(directory: settings.dataDirectory).isRetired {
      return .failure(.removed(name: settings.name, directory: settings.dataDirectory))
    }
    do throws(StorageError) {
      let claim = Claim(
        cluster: (place?.cluster ?? settings.initialCluster.clusterID).number,
        member: place?.member ?? own.id, name: settings.name,
        isHint: settings.joins || settings.rejoins)
      let powerLoss = try powerLoss(settings)
      let disk = try disk(settings)
      let directory = try DataDirectory(
        at: settings.dataDirectory, as: claim, settings: settings.storage,
        on: disk ?? POSIXFileSystem(),
        provesLater: true,
        formation: place?.formation,
        drawIncarnation: { Incarnation(UInt64.random(in: 1...UInt64.max)) })
      let (state, adopted) = try load(directory)
      let recovered = try directory.recover(with: state)
      let mark = try ApplyMark(in: settings.dataDirectory)
      let poisoned = mark.judge(
        applied: recovered?.applied ?? .zero, triesAgain: settings.appliesAgain)
      return .success(
        MemberThreads.Opened(
          store: UnsafeTransfer(directory), state: UnsafeTransfer(state),
          adopted: UnsafeTransfer(adopted), identity: directory.identity, recovered: recovered,
          mark: mark, poisoned: poisoned, disk: disk, powerLoss: powerLoss))
    } catch {
      return .failure(ServerExit(error))
    }
  }

  /// A lab's disk, which does as it is told; `nil`: the machine's own.
  private static func disk(_ settings: HostSettings) throws(StorageError) -> FaultyDisk? {
    guard settings.isLab else { return nil }
    return settings.isDiskVolatile
      ? try FaultyDisk(forgettingIn: settings.dataDirectory) : FaultyDisk()
  }

  private static func powerLoss(_ settings: HostSettings) throws(StorageError) -> PowerLoss? {
    guard settings.isDiskVolatile else { return nil }
    var dice = SplitMix64(seed: UInt64.random(in: 0 ... .max))
    return try PowerLoss.strike(in: settings.dataDirectory, dice: &dice)
  }

  /// Reads the state while the log is checked beside it: a start takes as long as the longer.
  private static func load(
    _ directory: DataDirectory
  ) throws(StorageError) -> (any StateStore, AdoptedState<StateReaders>) {
    let proof = BackgroundThread("prove") {
      [directory = UnsafeTransfer(directory)] () throws(StorageError) in
      try directory.value.prove()
    }
    let loaded = Result { () throws(StorageError) in
      let state = try directory.openState()
      return (state, try Flusher.load(state))
    }
    do throws(StorageError) {
      try proof.result()
      return try loaded.get()
    } catch {
      // Either stops the other, which then has nothing to tell but that.
      throw directory.failure.cause ?? error
    }
  }

  /// Lets go of everything again, because the member does not start after all.
  package func close() {
    adopted.value.readers.applier.value.close()
    adopted.value.readers.reads.value.close()
    adopted.value.readers.scrub.value.close()
    try? state.value.close()
    try? (store.value as? DataDirectory)?.close()
  }
}
