import Base
import Raft

extension Diagram {
  private static let columnWidth = 150
  private static let rowHeight = 16
  private static let left = 110

  /// One page that needs nothing else: an SVG with a line for each member and an arrow for each
  /// message from where it leaves to where it comes; lost ones end in a cross. Rows are in order of
  /// time, not to scale.
  public func html() -> String {
    let rows = instants
    let bottom = (rows.count + 3) * Diagram.rowHeight
    let labels = Diagram.left + members * Diagram.columnWidth
    var body = ""
    for member in 0..<members { body += lifeline(member, rows, bottom) }
    for (at, mark) in marks {
      let y = height(of: at, in: rows)
      switch mark {
      case .told(let member, let text):
        let x = member.map(column) ?? labels - Diagram.columnWidth / 2
        body += "<circle class=\"told\" cx=\"\(x)\" cy=\"\(y)\" r=\"3\"/>"
        let kind = text.hasPrefix("violation") ? "violation" : "label"
        body += "<text class=\"\(kind)\" x=\"\(x + 6)\" y=\"\(y + 4)\">\(escape(text))</text>\n"
      case .life: break
      case .sent(let place): body += line(arrows[place], rows)
      }
      body += "<text class=\"time\" x=\"4\" y=\"\(y + 4)\">\(Diagram.time(at))</text>\n"
    }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>\(escape(title))</title>
      <style>\(Diagram.style)</style></head><body><h1>\(escape(title))</h1>
      <svg width="\(labels + 500)" height="\(bottom)" xmlns="http://www.w3.org/2000/svg">
      <defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"
      orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
      \(body)</svg></body></html>

      """
  }

  private static let style = """
    body{font:13px system-ui,sans-serif;margin:1em;background:#fff;color:#222}h1{font-size:15px}\
    .up{stroke:#555;stroke-width:2}.down{stroke:#ccc;stroke-dasharray:3 4}\
    .sent{stroke:#2a6fb0;fill:none}.sent:hover{stroke:#d00;stroke-width:3}\
    .lost{stroke:#c33;stroke-dasharray:4 3}.time{fill:#999;font-size:10px}\
    .label{font-size:11px}.violation{font-size:12px;fill:#c00;font-weight:bold}\
    .name{font-weight:bold}.told{fill:#222}
    """

  /// Every instant at which something is drawn, ascending, each once.
  private var instants: [Instant] {
    var all = marks.map(\.at)
    for (_, mark) in marks {
      if case .sent(let place) = mark, let arrived = arrows[place].arrived { all.append(arrived) }
    }
    var rows: [Instant] = []
    for instant in all.sorted() where rows.last != instant { rows.append(instant) }
    return rows
  }

  private func column(_ member: Int) -> Int {
    Diagram.left + member * Diagram.columnWidth + Diagram.columnWidth / 2
  }

  /// Where an instant is drawn. *Precondition*: something happens then.
  private func height(of instant: Instant, in rows: [Instant]) -> Int {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle] < instant { low = middle + 1 } else { high = middle }
    }
    return (low + 2) * Diagram.rowHeight
  }

  private func lifeline(_ member: Int, _ rows: [Instant], _ height: Int) -> String {
    let x = column(member)
    var from = Diagram.rowHeight
    var isUp = false
    var text = "<text class=\"name\" x=\"\(x - 8)\" y=\"12\">m\(member + 1)</text>\n"
    func piece(_ end: Int) -> String {
      let kind = isUp ? "up" : "down"
      return "<line class=\"\(kind)\" x1=\"\(x)\" y1=\"\(from)\" x2=\"\(x)\" y2=\"\(end)\"/>\n"
    }
    for (at, mark) in marks {
      guard case .life(member, let up) = mark, up != isUp else { continue }
      let y = self.height(of: at, in: rows)
      text += piece(y)
      (from, isUp) = (y, up)
    }
    return text + piece(height)
  }

  private func line(_ arrow: Arrow, _ rows: [Instant]) -> String {
    let (x1, y1) = (column(arrow.from), height(of: arrow.sent, in: rows))
    let title = "<title>\(Diagram.time(arrow.sent)) \(escape(arrow.text))</title>"
    guard let arrived = arrow.arrived else {
      let x2 = x1 + (column(arrow.to) - x1) / 2
      return "<line class=\"lost\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y1 + 6)\">"
        + "\(title)</line><text x=\"\(x2 - 4)\" y=\"\(y1 + 10)\">✗</text>\n"
    }
    let (x2, y2) = (column(arrow.to), height(of: arrived, in: rows))
    return "<line class=\"sent\" marker-end=\"url(#head)\" x1=\"\(x1)\" y1=\"\(y1)\" "
      + "x2=\"\(x2)\" y2=\"\(y2)\">\(title)</line>\n"
  }

  private func escape(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
