/// What went wrong with a lab: one sentence, and the exit code that scripts may rely on
/// (Docs/Operations.md, "Exit codes").
public struct LabError: Error, Hashable, CustomStringConvertible {
  public enum Code: Int32, Hashable, Sendable {
    /// No lab runs in this directory.
    case noLab = 40
    /// A lab is already here.
    case labExists = 41
    /// A member or a partition that this lab does not have.
    case badOrder = 42
    /// The supervisor does not answer, or a member refused an order.
    case notObeyed = 43
    /// Something did not come about in time.
    case tooLate = 44
    /// A file, a port or a process could not be had.
    case unavailable = 45
  }

  public let code: Code
  public let description: String

  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
