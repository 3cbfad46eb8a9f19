import Testing

@testable import KeyValue

@Suite struct RowWindowTests {
  private func row(_ number: RowNumber) -> Row {
    Row(
      number: number, modRevision: number, subRevision: 0, key: [UInt8]("\(number)"),
      value: [UInt8](repeating: 1, count: Int(number) % 7), createRevision: number, version: 1,
      lease: 0)
  }

  /// Every row from `first` to the window's end is held, none before it, and the bytes add up.
  private func isWhole(_ window: RowWindow, from first: RowNumber, to last: RowNumber) -> Bool {
    guard window.first == first, window.next == last + 1, window.row(first - 1) == nil,
      window.row(last + 1) == nil
    else { return false }
    let rows = first > last ? [] : window.rows(first...last)
    return rows == (first...max(first, last)).prefix(rows.count).map(row)
      && window.memoryBytes == rows.reduce(0) { $0 + $1.memoryBytes }
  }

  @Test func `a window keeps what was not flushed, and copies stay as they were`() {
    var dice = Dice(seed: 11)
    var window = RowWindow(after: 0)
    var last: RowNumber = 0
    var copies: [(window: RowWindow, first: RowNumber, last: RowNumber)] = []
    for round in 0..<60 {
      for _ in 0..<dice.below(400) {
        last += 1
        window.append(row(last))
      }
      copies.append((window, window.first, last))
      let flushed = RowNumber(dice.below(Int(last) + 1))
      let limit = dice.pick([0, 20_000, 400_000, .max])
      let before = window.first
      window.drop(through: flushed, keepingBytes: limit)
      #expect(window.first >= before && window.first <= max(before, flushed + 1), "round \(round)")
      #expect(window.memoryBytes <= limit || window.first + 64 > flushed, "round \(round)")
      #expect(isWhole(window, from: window.first, to: last), "round \(round)")
    }
    #expect(last > 3 * 64 * 32)
    #expect(copies.allSatisfy { isWhole($0.window, from: $0.first, to: $0.last) })
  }

  @Test func `a window that has let all go goes on with the next row`() {
    var window = RowWindow(after: 100)
    for number in RowNumber(101)...RowNumber(164 + 32) { window.append(row(number)) }
    window.drop(through: 196, keepingBytes: 0)
    #expect(isWhole(window, from: window.first, to: 196))
    for number in RowNumber(197)...300 { window.append(row(number)) }
    #expect(isWhole(window, from: window.first, to: 300))
  }
}
