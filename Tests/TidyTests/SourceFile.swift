import Foundation

/// One Swift file of the house, and its text with comments and strings blanked out.
struct SourceFile {
  /// From the top of the checkout: `Sources/Raft/Entry.swift`.
  let path: String
  /// The folder below `Sources` or `Tests`.
  let module: String
  let lines: [String]
  /// As `lines`, but with comments, string literals and quoted names replaced by spaces.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    self.module = path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
    self.lines = text.components(separatedBy: "\n")
    self.code = Blanking.blank(text).components(separatedBy: "\n")
  }

  /// Written by a generator, so the limits on size do not apply.
  var isGenerated: Bool { path.hasSuffix(".pb.swift") }

  /// The modules that the file imports.
  var imports: [String] {
    code.compactMap { line in
      let words = line.split(separator: " ")
      guard let keyword = words.firstIndex(of: "import"), keyword <= 2,
        words[..<keyword].allSatisfy({ Self.importPrefixes.contains(String($0)) })
      else { return nil }
      let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var"]
      let name = words[(keyword + 1)...].first { !kinds.contains($0) }
      return name.map { String($0.split(separator: ".")[0]) }
    }
  }

  /// The pages of `Docs/` that its comments send a reader to, without `.md`, with the section if
  /// one is named: `Docs/Storage.md, *Snapshots*`.
  var citations: [(page: String, section: String?)] {
    let text = lines.map { line in
      String(line.drop { $0 == " " || $0 == "/" })
    }.joined(separator: " ")
    return text.matches(of: #/\bDocs\/([A-Za-z0-9\/]+)(?:\.md)?(?:, \*([^*]+)\*)?/#).map {
      (String($0.1), $0.2.map(String.init))
    }
  }

  private static let importPrefixes: Set<String> = [
    "public", "package", "internal", "private", "@testable", "@preconcurrency", "@_spi(Testing)",
    "@_exported",
  ]

  /// Every function, initializer and subscript with the number of its lines that hold code.
  var functions: [(line: Int, codeLines: Int)] {
    var found: [(Int, Int)] = []
    for (number, line) in code.enumerated() where Self.opensFunction(line) {
      if let last = lastLine(ofBodyFrom: number) {
        let body = code[number...last]
        found.append((number + 1, body.count { $0.contains { !$0.isWhitespace } }))
      }
    }
    return found
  }

  private static func opensFunction(_ line: String) -> Bool {
    let words = line.split(separator: " ")
    guard let first = words.firstIndex(where: { !$0.hasPrefix("@") }) else { return false }
    for word in words[first...] {
      if word == "func" || word.hasPrefix("init(") || word.hasPrefix("init?(")
        || word.hasPrefix("init<") || word.hasPrefix("subscript(") || word == "deinit"
      {
        return true
      }
      if !modifiers.contains(String(word)) { return false }
    }
    return false
  }

  private static let modifiers: Set<String> = [
    "public", "package", "internal", "private", "fileprivate", "static", "mutating",
    "nonmutating", "override", "final", "convenience", "required", "consuming", "borrowing",
    "nonisolated", "open", "isolated", "prefix", "postfix",
  ]

  private func lastLine(ofBodyFrom start: Int) -> Int? {
    var depth = 0
    var isOpen = false
    for number in start..<code.count {
      for character in code[number] {
        if character == "{" {
          depth += 1
          isOpen = true
        } else if character == "}" {
          depth -= 1
          if isOpen && depth == 0 { return number }
          if depth < 0 { return nil }
        }
      }
      // A requirement of a protocol has no body: the next declaration is not its body.
      if !isOpen && number > start && Self.opensFunction(code[number]) { return nil }
    }
    return nil
  }
}

/// Replaces comments, string literals and names in backquotes by spaces; lines stay lines.
enum Blanking {
  static func blank(_ text: String) -> String {
    var scanner = Scanner(Array(text))
    return scanner.run()
  }

  private struct Scanner {
    let input: [Character]
    var output: [Character] = []
    var position = 0

    init(_ input: [Character]) {
      self.input = input
      output.reserveCapacity(input.count)
    }

    mutating func run() -> String {
      while position < input.count {
        if has("//") {
          skip { $0.isAtNewline }
        } else if has("/*") {
          skipBlockComment()
        } else if has("#\"\"\"") {
          skipString(end: "\"\"\"#", escapes: false)
        } else if has("#\"") {
          skipString(end: "\"#", escapes: false)
        } else if has("\"\"\"") {
          skipString(end: "\"\"\"", escapes: true)
        } else if has("\"") {
          skipString(end: "\"", escapes: true)
        } else if has("`") {
          skipString(end: "`", escapes: false)
        } else {
          output.append(input[position])
          position += 1
        }
      }
      return String(output)
    }

    var isAtNewline: Bool { input[position] == "\n" }

    func has(_ text: String) -> Bool {
      let characters = Array(text)
      return position + characters.count <= input.count
        && input[position..<position + characters.count].elementsEqual(characters)
    }

    mutating func blankOne() {
      output.append(isAtNewline ? "\n" : " ")
      position += 1
    }

    mutating func skip(until isEnd: (Scanner) -> Bool) {
      while position < input.count, !isEnd(self) { blankOne() }
    }

    mutating func skipBlockComment() {
      skip { $0.has("*/") }
      for _ in 0..<2 where position < input.count { blankOne() }
    }

    mutating func skipString(end: String, escapes: Bool) {
      for _ in 0..<end.count { blankOne() }
      while position < input.count, !has(end) {
        if escapes && input[position] == "\\" && position + 1 < input.count { blankOne() }
        blankOne()
      }
      for _ in 0..<end.count where position < input.count { blankOne() }
    }
  }
}
