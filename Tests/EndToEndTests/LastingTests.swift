import Foundation
import Testing

extension EndToEnd {
  /// No single lasting fault stops the store (Docs/Testing.md, "Lasting faults").
  @Suite struct `Lasting faults` {
    private static let environment = ProcessInfo.processInfo.environment
    /// What the names of the cells to be played contain; `nil`: `make lasting` was not asked for.
    private static let chosen = environment["QUORATE_LASTING"]
    private static let seconds = Int(environment["QUORATE_LASTING_SECONDS"] ?? "") ?? 15

    private func play(_ cell: LastingCell, _ length: Duration) async throws -> LastingResult? {
      if let whyNot = Hosts.whyNot {
        guard !cell.needsHosts else {
          print("lasting \(cell) skipped: \(whyNot)")
          return nil
        }
        print("lasting \(cell): on one host, for \(whyNot)")
      }
      let result = try await LastingStage(cell, lasting: length).play()
      print(result.line)
      #expect(result.complaints == [], "\(cell)")
      return result
    }

    @Test(.enabled(if: chosen == nil, "`make lasting` plays all"), arguments: LastingCell.quick)
    func `of one member stop nobody else, in brief`(cell: LastingCell) async throws {
      _ = try await play(cell, .seconds(5))
    }

    @Test(.enabled(if: chosen != nil, "`make lasting`"))
    func `of every kind, of one member, stop nobody else`() async throws {
      let chosen = Self.chosen ?? ""
      var results: [LastingResult] = []
      for cell in LastingCell.all where chosen.isEmpty || "\(cell)".contains(chosen) {
        do {
          guard let result = try await play(cell, .seconds(Self.seconds)) else { continue }
          results.append(result)
        } catch {
          print("lasting \(cell) WRONG: \(error)")
          Issue.record("\(cell): \(error)")
        }
      }
      print(LastingResult.summary(results))
      #expect(!results.isEmpty, "no cell is named \(chosen)")
    }
  }
}
