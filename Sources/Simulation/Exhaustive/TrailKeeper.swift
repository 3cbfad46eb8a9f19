import Foundation

/// Keeps in a file how a walk came to the step that it is about to take: if the core traps there,
/// another process can tell the way (`Explorer.story(ofTrapped:in:)`).
public struct TrailKeeper {
  private let file: FileHandle

  /// *Throws* when the file cannot be made.
  public init(path: String) throws {
    try Data().write(to: URL(fileURLWithPath: path))
    file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  public func keep(_ trail: String) {
    // A disk that is full costs the trail, not the walk.
    try? file.truncate(atOffset: 0)
    try? file.seek(toOffset: 0)
    try? file.write(contentsOf: Data(trail.utf8))
  }
}
