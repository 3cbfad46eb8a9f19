package import KeyValue
package import Member
package import Replica
import Synchronization

/// What every thread of a member may look at: the state that reads are served from, and who the
/// member believes everybody is.
package final class PublishedState: Sendable {
  /// What one look at the replica showed.
  package struct View: Sendable {
    package var cluster: UInt64
    package var member: UInt64
    package var raftTerm: UInt64
    package var members: MemberDirectory

    package init(cluster: UInt64, member: UInt64, raftTerm: UInt64, members: MemberDirectory) {
      self.cluster = cluster
      self.member = member
      self.raftTerm = raftTerm
      self.members = members
    }
  }

  /// The state that reads are served from.
  private let shown: Mutex<PublishedView>
  private let currentView: Mutex<View>
  private let currentPass = Mutex<SerializablePass?>(nil)
  private let currentStanding = Mutex(WatchStanding())
  private let currentOverlayBytes = Atomic(0)
  private let currentFileBytes = Atomic<Int64>(0)
  private let currentUsedBytes = Atomic<Int64>(-1)
  private let currentlyFenced = Atomic(false)

  package init(readView: ReadView, view: View) {
    shown = Mutex(PublishedView(readView))
    currentView = Mutex(view)
  }

  /// The state after everything that was answered; `nil`: it is not shown (`hideIfUnused`), and the
  /// applier shows it to who asks. A read view keeps rows from being removed: hold it for one read.
  package var readView: ReadView? { shown.withLock { $0.look() } }

  /// Of the state after everything that was answered, shown or not.
  package var meta: StateMeta { shown.withLock { $0.meta } }

  // What goes with a read view takes its time: not under the lock.

  package func show(_ readView: ReadView) {
    let old = shown.withLock { $0.show(readView) }
    withExtendedLifetime(old) {}
  }

  /// The state has gone on to here, and nobody sees it.
  package func goOn(to meta: StateMeta) {
    let old = shown.withLock { $0.advance(to: meta) }
    withExtendedLifetime(old) {}
  }

  /// Takes back a read view that nobody has looked at since it was shown; whether none is shown
  /// now.
  package func hideIfUnused() -> Bool {
    let (old, isHidden) = shown.withLock { ($0.takeBackUnused(), $0.isHidden) }
    return withExtendedLifetime(old) { isHidden }
  }

  package var view: View {
    get { currentView.withLock { $0 } }
    set { currentView.withLock { $0 = newValue } }
  }

  /// Who answers, and in which term.
  package var answerer: (cluster: UInt64, member: UInt64, raftTerm: UInt64) {
    currentView.withLock { ($0.cluster, $0.member, $0.raftTerm) }
  }

  /// Leave to serve serializable reads without asking the replica.
  package var serializablePass: SerializablePass? {
    get { currentPass.withLock { $0 } }
    set { currentPass.withLock { $0 = newValue } }
  }

  /// Whether watches are served, which ask nobody.
  package var standing: WatchStanding {
    get { currentStanding.withLock { $0 } }
    set {
      currentStanding.withLock { $0 = newValue }
      currentlyFenced.store(newValue.isFenced, ordering: .relaxed)
    }
  }

  /// What the rows occupy that wait for the flusher.
  package var overlayBytes: Int {
    get { currentOverlayBytes.load(ordering: .relaxed) }
    set { currentOverlayBytes.store(newValue, ordering: .relaxed) }
  }

  /// This member's state is not to be trusted: it serves nothing.
  package var isFenced: Bool { currentlyFenced.load(ordering: .relaxed) }

  /// What the state files hold something in; −1: not known yet.
  package var usedBytes: Int64 {
    get { currentUsedBytes.load(ordering: .relaxed) }
    set { currentUsedBytes.store(newValue, ordering: .relaxed) }
  }

  /// What the state files occupy on the disk, as of the last look, a second ago or so.
  package var fileBytes: Int64 {
    get { currentFileBytes.load(ordering: .relaxed) }
    set { currentFileBytes.store(newValue, ordering: .relaxed) }
  }
}
