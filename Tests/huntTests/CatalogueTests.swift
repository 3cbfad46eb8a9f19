import Foundation
import Simulation
import Testing

@testable import hunt

/// No failure is forgotten, and no mutant hunted without a name for its killer.
@Suite struct CatalogueTests {
  private let mutants: [String: Mutant]

  init() throws {
    let house = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    mutants = try Mutant.read(from: house.appendingPathComponent("Mutants"))
  }

  @Test func `every mutant has one trial`() {
    #expect(Catalogue.trials.map(\.mutant).sorted() == mutants.keys.sorted())
  }

  @Test func `every failure has a mutant, a type that forbids it, or is owed`() {
    let planted = Set(mutants.keys.map(Account.failure(ofMutant:)))
    #expect(Account.all.count == 62)
    for account in Account.all {
      switch account.answer {
      case .mutant: #expect(planted.contains(account.id), "\(account.id) has no mutant")
      case .impossible, .owed:
        #expect(!planted.contains(account.id), "\(account.id) has a mutant after all")
      }
    }
  }

  /// Q: what this product promises beyond that list.
  @Test func `every mutant is of a known failure or of a promise of our own`() {
    let known = Set(Account.all.map(\.id))
    for id in mutants.keys where !id.hasPrefix("Q") {
      #expect(known.contains(Account.failure(ofMutant: id)), "\(id) is of no failure")
    }
  }

  @Test func `every killer says something and every story exists`() {
    for trial in Catalogue.trials {
      #expect(trial.killer.says.allSatisfy { $0.count > 5 }, "\(trial.mutant) may die of anything")
      switch trial.ground {
      case .story(let name): #expect(Story.named(name) != nil, "\(name)")
      case .scope(let name): #expect(Scope.named(name) != nil, "\(name)")
      case .seeds, .drill: break
      }
    }
  }
}

/// The product as it is passes wherever its mutants are hunted.
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
