import Foundation

/// The checkout as its files show it.
enum House {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let sources = swiftFiles(below: "Sources")
  static let tests = swiftFiles(below: "Tests")

  /// The modules above the line: no clock, socket, disk, lock, `async` or hidden dice.
  static let deterministic: Set<String> = [
    "Base", "Raft", "KeyValue", "Replica", "Wire", "Member", "Linearizability",
  ]

  /// What each target of Package.swift may import: the names in its `module(…)` line.
  static let arrows: [String: Set<String>] = {
    let manifest = text(of: "Package.swift")
    let start = manifest.range(of: "targets: [")!.upperBound
    var arrows: [String: Set<String>] = [:]
    var target: String?
    for line in manifest[start...].split(separator: "\n") {
      var names = line.matches(of: #/"([A-Za-z0-9]+)"/#).map { String($0.1) }
      let opens = ["module(", "suite(", ".executableTarget(", ".systemLibrary("]
      if opens.contains(where: { line.trimmingCharacters(in: .whitespaces).hasPrefix($0) }) {
        target = nil
      }
      if target == nil, let first = names.first {
        target = first
        arrows[first] = []
        names.removeFirst()
      }
      if let target {
        arrows[target]!.formUnion(names)
        if line.contains("+ nio") || line.contains(" nio + ") || line.contains("nio +") {
          arrows[target]!.formUnion(["NIOCore", "NIOPosix"])
        }
      }
    }
    return arrows
  }()

  /// The headings of each page of `Docs/`, without their marks, by its path without `.md`.
  static let headings: [String: [String]] = {
    let base = root.appendingPathComponent("Docs").path
    let paths = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
    var headings: [String: [String]] = [:]
    for path in paths where path.hasSuffix(".md") {
      headings[String(path.dropLast(3))] = text(of: "Docs/\(path)").split(separator: "\n")
        .filter { $0.hasPrefix("#") }
        .map { String($0.drop { $0 == "#" || $0 == " " }) }
    }
    return headings
  }()

  /// What is wrong with a citation; `nil`: the page is there, and the section as well. A decision
  /// is cited by its number.
  static func fault(inCitationOf page: String, section: String?) -> String? {
    let isDecision = page.hasPrefix("Decisions/")
    let found = headings.first { isDecision ? $0.key.hasPrefix(page + "-") : $0.key == page }
    guard let found else { return "there is no Docs/\(page)" }
    guard let section, !found.value.contains(where: { $0.hasPrefix(section) }) else { return nil }
    return "Docs/\(page) has no section *\(section)*"
  }

  static func text(of path: String) -> String {
    // Every path comes from the listing of the checkout that this very file is in.
    try! String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  private static func swiftFiles(below folder: String) -> [SourceFile] {
    let base = root.appendingPathComponent(folder).path
    guard let walk = FileManager.default.enumerator(atPath: base) else { return [] }
    return walk.compactMap { $0 as? String }
      .filter { $0.hasSuffix(".swift") }
      .sorted()
      .map { SourceFile(path: "\(folder)/\($0)", text: text(of: "\(folder)/\($0)")) }
  }
}
