import KeyValue
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

  private let currentRoot: Mutex<Root>
  private let currentView: Mutex<View>
  private let currentPass = Mutex<SerializablePass?>(nil)
  private let currentOverlayBytes = Atomic(0)
  private let currentFileBytes = Atomic<Int64>(0)

  init(root: Root, view: View) {
    currentRoot = Mutex(root)
    currentView = Mutex(view)
  }

  /// The state after everything that was answered. A root keeps rows from being removed: hold it
  /// for one read.
  var root: Root {
    get { currentRoot.withLock { $0 } }
    set { currentRoot.withLock { $0 = newValue } }
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

  /// What the rows occupy that wait for the flusher.
  var overlayBytes: Int {
    get { currentOverlayBytes.load(ordering: .relaxed) }
    set { currentOverlayBytes.store(newValue, ordering: .relaxed) }
  }

  /// What the state files occupy on the disk, as of the last look, a second ago or so.
  var fileBytes: Int64 {
    get { currentFileBytes.load(ordering: .relaxed) }
    set { currentFileBytes.store(newValue, ordering: .relaxed) }
  }
}
