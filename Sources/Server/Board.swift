import KeyValue
import Member
import Raft
import Replica
import Services
import Synchronization

/// What every thread of a member may look at: the state that reads are served from, and who the
/// member believes everybody is.
final class Board: Sendable {
  /// What one look at the replica showed.
  struct View: Sendable {
    var header: AnswerHeader
    var members: MemberDirectory
  }

  /// The state that reads are served from.
  private let published: Mutex<PublishedView>
  private let currentView: Mutex<View>
  private let currentPass = Mutex<SerializablePass?>(nil)
  private let currentStanding = Mutex(WatchStanding())
  private let currentOverlayBytes = Atomic(0)
  private let currentFileBytes = Atomic<Int64>(0)
  private let currentUsedBytes = Atomic<Int64>(-1)
  private let currentlyFenced = Atomic(false)

  init(root: Root, view: View) {
    published = Mutex(PublishedView(root))
    currentView = Mutex(view)
  }

  /// The state after everything that was answered; `nil`: it is not shown (`hideIfUnused`), and the
  /// applier shows it to who asks. A root keeps rows from being removed: hold it for one read.
  var root: Root? { published.withLock { $0.look() } }

  /// Of the state after everything that was answered, shown or not.
  var meta: StateMeta { published.withLock { $0.meta } }

  // What goes with a root takes its time: not under the lock.

  func show(_ root: Root) {
    let old = published.withLock { $0.show(root) }
    withExtendedLifetime(old) {}
  }

  /// The state has gone on to here, and nobody sees it.
  func goOn(to meta: StateMeta) {
    let old = published.withLock { $0.advance(to: meta) }
    withExtendedLifetime(old) {}
  }

  /// Takes back a root that nobody has looked at since it was shown; whether none is shown now.
  func hideIfUnused() -> Bool {
    let (old, isHidden) = published.withLock { ($0.takeBackUnused(), $0.isHidden) }
    return withExtendedLifetime(old) { isHidden }
  }

  var view: View {
    get { currentView.withLock { $0 } }
    set { currentView.withLock { $0 = newValue } }
  }

  var header: AnswerHeader { currentView.withLock { $0.header } }

  /// Leave to serve serializable reads without asking the replica.
  var serializablePass: SerializablePass? {
    get { currentPass.withLock { $0 } }
    set { currentPass.withLock { $0 = newValue } }
  }

  /// Whether watches are served, which ask nobody.
  var standing: WatchStanding {
    get { currentStanding.withLock { $0 } }
    set {
      currentStanding.withLock { $0 = newValue }
      currentlyFenced.store(newValue.isFenced, ordering: .relaxed)
    }
  }

  /// What the rows occupy that wait for the flusher.
  var overlayBytes: Int {
    get { currentOverlayBytes.load(ordering: .relaxed) }
    set { currentOverlayBytes.store(newValue, ordering: .relaxed) }
  }

  /// This member's state is not to be trusted: it serves nothing.
  var isFenced: Bool { currentlyFenced.load(ordering: .relaxed) }

  /// What the state files hold something in; −1: not known yet.
  var usedBytes: Int64 {
    get { currentUsedBytes.load(ordering: .relaxed) }
    set { currentUsedBytes.store(newValue, ordering: .relaxed) }
  }

  /// What the state files occupy on the disk, as of the last look, a second ago or so.
  var fileBytes: Int64 {
    get { currentFileBytes.load(ordering: .relaxed) }
    set { currentFileBytes.store(newValue, ordering: .relaxed) }
  }
}
