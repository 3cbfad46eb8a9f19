public import KeyValue

/// The state that a member serves reads from: after everything that was answered, as far as it is
/// shown.
public struct PublishedView: Sendable {
  private var view: ReadView?
  /// Somebody has looked at it.
  private var isUsed = true
  /// Of the state after everything that was answered, shown or not.
  public private(set) var meta: StateMeta

  public init(_ view: ReadView) {
    self.view = view
    meta = view.meta
  }

  public var isHidden: Bool { view == nil }

  /// To be looked at; `nil`: it is hidden, and the apply lane shows it to who asks. A view keeps
  /// rows from being removed: hold it for one read.
  public mutating func look() -> ReadView? {
    isUsed = true
    return view
  }

  /// Returns what was shown before, which takes its time to go.
  public mutating func show(_ view: ReadView) -> ReadView? {
    let old = self.view
    (self.view, isUsed, meta) = (view, false, view.meta)
    return old
  }

  /// The state has gone on to here, and nobody sees it. Returns what was shown before.
  public mutating func advance(to meta: StateMeta) -> ReadView? {
    let old = view
    (view, isUsed, self.meta) = (nil, false, meta)
    return old
  }

  /// Takes back a view that nobody has looked at since it was shown; `nil`: there is none such.
  ///
  /// Whatever a view shows must be copied before it is changed. While a member is only written to,
  /// that would be most of what an entry costs.
  public mutating func takeBackUnused() -> ReadView? { isUsed ? nil : view.take() }
}
