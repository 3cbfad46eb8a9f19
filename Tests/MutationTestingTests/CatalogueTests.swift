import Foundation
import Simulation
import Testing

@testable import MutationTesting

/// No failure is forgotten, and no mutant tested without a name for its oracle.
@Suite struct CatalogueTests {
  private let mutants: [String: Mutant]

  init() throws {
    let house = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    mutants = try Mutant.read(from: house.appendingPathComponent("Mutants"))
  }

  @Test func `every mutant has one case`() {
    #expect(Catalogue.cases.map(\.mutant).sorted() == mutants.keys.sorted())
  }

  @Test func `every failure has a mutant, a type that forbids it, or is owed`() {
    let planted = Set(mutants.keys.map(FailureCoverage.failure(ofMutant:)))
    #expect(FailureCoverage.all.count == 62)
    for failure in FailureCoverage.all {
      switch failure.answer {
      case .mutant: #expect(planted.contains(failure.id), "\(failure.id) has no mutant")
      case .impossible, .owed:
        #expect(!planted.contains(failure.id), "\(failure.id) has a mutant after all")
      }
    }
  }

  /// Q: what this product promises beyond that list.
  @Test func `every mutant is of a known failure or of a promise of our own`() {
    let known = Set(FailureCoverage.all.map(\.id))
    for id in mutants.keys where !id.hasPrefix("Q") {
      #expect(known.contains(FailureCoverage.failure(ofMutant: id)), "\(id) is of no failure")
    }
  }

  @Test func `every oracle says something and every story exists`() {
    for mutantCase in Catalogue.cases {
      #expect(
        mutantCase.oracle.says.allSatisfy { $0.count > 5 },
        "\(mutantCase.mutant) may die of anything")
      switch mutantCase.arena {
      case .story(let name): #expect(Story.named(name) != nil, "\(name)")
      case .scope(let name): #expect(Scope.named(name) != nil, "\(name)")
      case .seeds, .drill: break
      }
    }
  }
}

/// The product as it is passes wherever its mutants are tested.
@Suite struct `A sound product` {
  @Test(arguments: Story.all.map(\.name))
  func `ends every story well`(name: String) throws {
    let ending = try #require(Story.named(name)).run()
    #expect(ending.finding == nil)
  }

  @Test(arguments: Drill.allCases)
  func `passes every drill`(drill: Drill) {
    #expect(drill.run().finding == nil)
  }
}
