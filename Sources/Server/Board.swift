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
}
