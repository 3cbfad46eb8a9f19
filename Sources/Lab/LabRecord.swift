import Foundation

/// `lab.json`: what a running lab consists of. Written by its supervisor, read by every command.
public struct LabRecord: Codable, Hashable, Sendable {
  public struct Member: Codable, Hashable, Sendable {
    public var number: MemberNumber
    public var name: String
    public var clientURL: String
    public var peerURL: String
    /// The process; zero: none.
    public var processID: Int32
  }

  /// Of this file.
  public var version = 1
  public var supervisorProcessID: Int32
  public var members: [Member]
  /// Every member's client URL: where `quorate` commands of this directory go.
  public var endpoints: [String]
  /// What is cut at present.
  public var partition: Partition
}

/// Where a lab keeps its files.
public struct LabDirectory: Hashable, Sendable {
  public static let defaultName = ".quorate-lab"

  public let path: String

  /// `path` may be relative to the working directory.
  public init(path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  public var recordPath: String { path + "/lab.json" }
  public var supervisorLogPath: String { path + "/supervisor.log" }

  /// The supervisor's control socket. Not in the directory itself, whose path may be longer than
  /// the 107 bytes that a socket's name can have.
  public var socketPath: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "/tmp/quorate-lab-\(getuid())-\(String(hash, radix: 16)).socket"
  }

  public func logPath(of member: String) -> String { "\(path)/\(member).log" }
  public func dataPath(of member: String) -> String { "\(path)/\(member)" }

  public var exists: Bool { FileManager.default.fileExists(atPath: path) }

  /// *Throws* `noLab` when there is none, or its record cannot be read.
  public func record() throws(LabError) -> LabRecord {
    guard let bytes = FileManager.default.contents(atPath: recordPath) else {
      throw LabError(
        .noLab, "no lab runs in \(path); `quorate lab up -n 5` starts one of five members")
    }
    do {
      return try JSONDecoder().decode(LabRecord.self, from: bytes)
    } catch {
      throw LabError(
        .noLab, "\(recordPath) cannot be read as a lab's record; `quorate lab down` clears it away")
    }
  }

  /// Replaces the record in one step, so that no reader ever sees half of it.
  func write(_ record: LabRecord) throws(LabError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      try encoder.encode(record).write(to: URL(fileURLWithPath: recordPath), options: .atomic)
    } catch {
      throw LabError(.unavailable, "\(recordPath) cannot be written: \(error.localizedDescription)")
    }
  }
}
