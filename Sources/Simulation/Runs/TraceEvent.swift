public import Base

/// One thing that a run shows, for drawings. Members are named by position.
public enum TraceEvent: Hashable, Sendable {
  /// Something was told of a member; `nil`: of the world.
  case told(Int?, at: Instant, text: String)
  /// A member's process has begun or ended.
  case life(Int, at: Instant, isUp: Bool)
  /// A message left; its number counts the messages of the run.
  case sent(UInt64, at: Instant, from: Int, to: Int, text: String)
  /// The message with this number came to its receiver; a repetition comes again.
  case arrived(UInt64, at: Instant)
}
