import Foundation
import Testing

/// The rules of the house that a machine can check (Docs/Architecture.md).
@Suite struct TidyTests {
  /// What any module below the line may take from the platform.
  private static let platform: Set<String> = [
    "Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization", "Testing",
    "Atomics", "Darwin",
  ]

  @Test func `the listing of the house found the house`() {
    #expect(House.sources.count > 200)
    #expect(House.arrows["Replica"]?.isSuperset(of: ["Raft", "KeyValue"]) == true)
    #expect(House.arrows["Raft"] == ["Base"])
    #expect(House.arrows["Base"] == ["CChecksum"])
    #expect(House.arrows["CChecksum"] == [])
  }

  @Test func `a module imports only along its arrows`() {
    for file in House.sources {
      let allowed = House.arrows[file.module] ?? []
      let isPure = House.deterministic.contains(file.module)
      for name in file.imports {
        let isPlatform = !isPure && Self.platform.contains(name)
        #expect(
          allowed.contains(name) || isPlatform,
          "\(file.path) imports \(name), which Package.swift gives \(file.module) no arrow to")
      }
    }
  }

  /// Of tests too. Only arrows between modules of the house are looked at; the end-to-end tests
  /// name the executable so that it is built.
  @Test func `a declared arrow is used`() {
    var used: [String: Set<String>] = [:]
    for file in House.sources + House.tests {
      used[file.module, default: []].formUnion(file.imports)
    }
    for (module, arrows) in House.arrows {
      for name in arrows.intersection(House.arrows.keys)
      where name != "quorate" || module == "quorateTests" {
        #expect(
          used[module]?.contains(name) == true,
          "Package.swift gives \(module) an arrow to \(name), which none of its files imports")
      }
    }
  }

  @Test func `what is above the line never waits, locks or rolls dice`() {
    let banned = #/\b(async|await|Mutex|Task|random|shuffled|randomElement|UUID|Date|Double)\b/#
      // Else `Date.now` is one word.
      .wordBoundaryKind(.simple)
    for file in House.sources where House.deterministic.contains(file.module) {
      for (number, line) in file.code.enumerated() {
        #expect(
          line.firstMatch(of: banned) == nil,
          "\(file.path):\(number + 1) uses what only the world below the line may use")
      }
    }
  }

  /// `precondition` loses its words in a release build, and there is nothing to read afterwards.
  @Test func `what a core stops for is said in release builds too`() {
    for file in House.sources where ["Raft", "Replica"].contains(file.module) {
      for (number, line) in file.code.enumerated() {
        #expect(
          !line.contains("precondition(") && !line.contains("preconditionFailure("),
          "\(file.path):\(number + 1) wants `demand` or `fatalError`")
      }
    }
  }

  @Test func `a file is at most 500 lines`() {
    for file in House.sources + House.tests where !file.isGenerated {
      #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func `a line is at most 100 columns`() {
    for file in House.sources + House.tests where !file.isGenerated {
      for (number, line) in file.lines.enumerated() {
        #expect(line.count <= 100, "\(file.path):\(number + 1) has \(line.count) columns")
      }
    }
  }

  @Test func `a function is at most 70 lines of code`() {
    for file in House.sources + House.tests where !file.isGenerated {
      for function in file.functions {
        #expect(
          function.codeLines <= 70,
          "\(file.path):\(function.line) begins a function of \(function.codeLines) code lines")
      }
    }
  }

  @Test func `nothing is left for later in the sources`() {
    let later = #/\b(TODO|FIXME|XXX|HACK)\b/#
    for file in House.sources where !file.isGenerated {
      for (number, line) in file.lines.enumerated() {
        #expect(line.firstMatch(of: later) == nil, "\(file.path):\(number + 1) is unfinished")
      }
    }
  }

  @Test func `a page that a comment cites is there, with the section that it names`() {
    for file in House.sources + House.tests where file.module != "TidyTests" {
      for (page, section) in file.citations {
        let fault = House.fault(inCitationOf: page, section: section)
        #expect(fault == nil, "\(file.path): \(fault ?? "")")
      }
    }
  }

  @Test func `a module never shares its name with a type inside it`() {
    for file in House.sources where !file.isGenerated {
      let declaration = try! Regex("\\b(struct|class|enum|actor|protocol) \(file.module)\\b")
      for (number, line) in file.code.enumerated() where line.firstMatch(of: declaration) != nil {
        Issue.record("\(file.path):\(number + 1) declares a type named like its module")
      }
    }
  }
}

/// The checks above are worth what they catch: each sees its planted fault.
@Suite struct `The tidy checks see what they look for` {
  @Test func `imports are read with their access level`() {
    let file = SourceFile(
      path: "Sources/Raft/A.swift",
      text: "public import KeyValue\nimport struct Foundation.Date\n// import NIOCore\n")
    #expect(file.imports == ["KeyValue", "Foundation"])
  }

  @Test func `a long function is counted without its comments`() {
    let body = (1...80).map { "    let a\($0) = \"{\($0)\" // }" }.joined(separator: "\n    //\n")
    let file = SourceFile(path: "Sources/Raft/A.swift", text: "func f() {\n\(body)\n}\nlet x = 1\n")
    #expect(file.functions.map(\.codeLines) == [82])
  }

  @Test func `strings and names in backquotes hide nothing and show nothing`() {
    let file = SourceFile(
      path: "Tests/A/A.swift", text: "func `a { b`() {\n  let s = \"\\\"}\"\n}\n")
    #expect(file.functions.map(\.codeLines) == [3])
  }

  @Test func `a citation is read over the end of a line, and a wrong one is noticed`() throws {
    let file = SourceFile(
      path: "Sources/Raft/A.swift",
      text: "/// As promised (Docs/Storage.md, *Errors\n/// are kept*; Docs/Decisions/0023).\n")
    #expect(file.citations.map(\.page) == ["Storage", "Decisions/0023"])
    #expect(file.citations.map(\.section) == ["Errors are kept", nil])
    #expect(House.fault(inCitationOf: "Storage", section: "Errors are kept") == nil)
    #expect(House.fault(inCitationOf: "Decisions/0023", section: nil) == nil)
    #expect(House.fault(inCitationOf: "Nowhere", section: nil) != nil)
    #expect(House.fault(inCitationOf: "Storage", section: "Errors are forgotten") != nil)
    #expect(House.fault(inCitationOf: "Decisions/0999", section: nil) != nil)
  }
}
