/// A table as olekukonko/tablewriter draws etcdctl's: headings centred in capitals, cells to the
/// right.
struct GoTable {
  var headings: [String]
  var rows: [[String]]

  var text: String {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) + "+" }.joined()
    var lines = [rule, Self.line(headings.map { $0.uppercased() }, widths, Self.centred), rule]
    lines += rows.map { Self.line($0, widths, Self.right) }
    lines.append(rule)
    return lines.map { $0 + "\n" }.joined()
  }

  private static func line(
    _ cells: [String], _ widths: [Int], _ place: (String, Int) -> String
  ) -> String {
    "|" + zip(cells, widths).map { " " + place($0, $1) + " |" }.joined()
  }

  private static func centred(_ text: String, _ width: Int) -> String {
    let gap = width - text.count
    return spaces(gap / 2) + text + spaces(gap - gap / 2)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    spaces(width - text.count) + text
  }

  private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
}
