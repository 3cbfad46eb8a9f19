import Foundation

/// The part of a page that the command writes: between two marks.
enum Page {
  private static let begins = "<!-- written by make mutants -->\n"
  private static let ends = "<!-- end of what make mutants writes -->\n"

  struct NoPlace: Error, CustomStringConvertible {
    let path: String
    var description: String { "\(path) has no place for the table" }
  }

  static func write(_ table: Table, to path: String) throws {
    let page = try String(contentsOfFile: path, encoding: .utf8)
    guard let begin = page.range(of: begins), let end = page.range(of: ends),
      begin.upperBound <= end.lowerBound
    else { throw NoPlace(path: path) }
    let body = "\n\(table.markdown)\n\n\(FailureCoverage.markdown)\n\n"
    let changed =
      page[..<begin.upperBound] + body + page[end.lowerBound...]
    try String(changed).write(toFile: path, atomically: true, encoding: .utf8)
  }
}
