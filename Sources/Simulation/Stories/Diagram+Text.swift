extension Diagram {
  private static let columnWidth = 7

  /// One row for each event, in order: the instant in milliseconds, the members' lines, and what
  /// happened. A message is drawn where it leaves; a cross for a head: it never came.
  ///
  ///     12.345  │      ●─────▶│       t2 append 1 after 3@1, commit 3  → 12.445
  public func text() -> String {
    var isUp = Array(repeating: false, count: members)
    var rows = [title, header]
    for (at, mark) in marks {
      var line = isUp.map { $0 ? "│" : "┊" }
      var gaps = Array(repeating: " ", count: members)
      let label: String
      switch mark {
      case .told(let member, let text):
        if let member { line[member] = "■" }
        label = member == nil ? "· " + text : text
      case .life(let member, let up):
        isUp[member] = up
        line[member] = up ? "┬" : "┴"
        label = up ? "is up" : "is down"
      case .sent(let place):
        let arrow = arrows[place]
        for gap in min(arrow.from, arrow.to)..<max(arrow.from, arrow.to) { gaps[gap] = "─" }
        for between in line.indices
        where between > min(arrow.from, arrow.to) && between < max(arrow.from, arrow.to) {
          line[between] = "┼"
        }
        line[arrow.from] = "●"
        line[arrow.to] = arrow.arrived == nil ? "✗" : arrow.from < arrow.to ? "▶" : "◀"
        label = arrow.text + (arrow.arrived.map { "  → " + Diagram.time($0) } ?? "  lost")
      }
      rows.append(pad(Diagram.time(at)) + row(line, gaps) + label)
    }
    return rows.joined(separator: "\n") + "\n"
  }

  private var header: String {
    let names = (1...members).map { number in
      "m\(number)" + String(repeating: " ", count: Diagram.columnWidth - "m\(number)".count)
    }
    return pad("") + names.joined()
  }

  private func pad(_ time: String) -> String {
    String(repeating: " ", count: max(0, 12 - time.count)) + time + "  "
  }

  private func row(_ line: [String], _ gaps: [String]) -> String {
    var text = ""
    for column in line.indices {
      text += line[column] + String(repeating: gaps[column], count: Diagram.columnWidth - 1)
    }
    return text + " "
  }
}
