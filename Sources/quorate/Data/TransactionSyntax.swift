import ArgumentParser
import EtcdAPI
import Foundation

/// The text form of a transaction, as etcdctl reads it (etcd etcdctl/ctlv3/command/txn_command.go).
enum TransactionSyntax {
  /// `line` gives the next line with its line feed; `nil`: there is none.
  static func read(
    line: () -> String?, prompt: (String) -> Void
  ) throws(CommandFailure) -> EtcdTxnRequest {
    var request = EtcdTxnRequest()
    prompt("compares:")
    for text in try block(line) { request.compare.append(try compare(text)) }
    prompt("success requests (get, put, del):")
    for text in try block(line) { request.success.append(try step(text)) }
    prompt("failure requests (get, put, del):")
    for text in try block(line) { request.failure.append(try step(text)) }
    return request
  }

  /// The lines up to an empty one.
  private static func block(_ line: () -> String?) throws(CommandFailure) -> [String] {
    var texts: [String] = []
    while true {
      guard let text = line(), text.utf8.last == UInt8(ascii: "\n") else {
        throw CommandFailure(.invalidInput, "EOF")
      }
      let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
      if trimmed.isEmpty { return texts }
      texts.append(trimmed)
    }
  }

  /// `target("key") relation "value"`.
  static func compare(_ text: String) throws(CommandFailure) -> EtcdCompare {
    func malformed(_ why: String = "") -> CommandFailure {
      CommandFailure(.invalidInput, "malformed comparison: \(text)\(why)")
    }
    guard let parenthesis = text.firstIndex(of: "(") else { throw malformed() }
    let target = text[..<parenthesis]
    guard
      let (key, afterKey) = GoUnquote.literal(text[text.index(after: parenthesis)...]),
      afterKey.hasPrefix(")")
    else { throw malformed() }
    let tail = afterKey.dropFirst().drop { $0 == " " }
    let relation = tail.prefix { !$0.isWhitespace }
    guard
      let (value, _) = GoUnquote.literal(tail[relation.endIndex...].drop { $0 == " " })
    else { throw malformed() }

    var compare = EtcdCompare()
    compare.key = Data(key)
    switch relation {
    case "=": compare.result = .equal
    case "!=": compare.result = .notEqual
    case ">": compare.result = .greater
    case "<": compare.result = .less
    default: throw malformed(" (unknown relation \(relation))")
    }
    func number(radix: Int = 10) throws(CommandFailure) -> Int64 {
      guard let number = Int64(String(decoding: value, as: UTF8.self), radix: radix) else {
        throw CommandFailure(.invalidInput, "invalid txn compare request: \(text)")
      }
      return number
    }
    switch target {
    case "ver", "version": (compare.target, compare.version) = (.version, try number())
    case "c", "create": (compare.target, compare.createRevision) = (.create, try number())
    case "m", "mod": (compare.target, compare.modRevision) = (.mod, try number())
    case "val", "value": (compare.target, compare.value) = (.value, Data(value))
    case "lease": (compare.target, compare.lease) = (.lease, try number(radix: 16))
    default: throw malformed(" (unknown target \(target))")
    }
    return compare
  }

  /// A command as on the command line: `put k v`, `get --prefix k`, `del k`.
  static func step(_ text: String) throws(CommandFailure) -> EtcdRequestOp {
    let words = try words(text)
    guard words.count >= 2 else {
      throw CommandFailure(.invalidInput, "invalid txn compare request: \(text)")
    }
    let rest = Array(words.dropFirst())
    var step = EtcdRequestOp()
    switch words[0] {
    case "put":
      // The standard input holds the transaction: it cannot hold a value as well.
      step.requestPut = try parsed(PutOperation.self, rest, text).request(input: { nil })
    case "get": step.requestRange = try parsed(GetOperation.self, rest, text).request()
    case "del": step.requestDeleteRange = try parsed(DelOperation.self, rest, text).request()
    default: throw CommandFailure(.invalidInput, "invalid txn request: \(text)")
    }
    return step
  }

  private static func parsed<Operation: ParsableArguments>(
    _ type: Operation.Type, _ words: [String], _ text: String
  ) throws(CommandFailure) -> Operation {
    do {
      return try type.parse(words)
    } catch {
      throw CommandFailure(.invalidInput, "invalid txn request: \(text)")
    }
  }

  /// Splits a line as etcdctl does: `"Go literals"`, `'raw'`, and what has no space.
  static func words(_ text: String) throws(CommandFailure) -> [String] {
    let pattern = #/"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\s]\S*[^'"\s]?/#
    var words: [String] = []
    for match in text.matches(of: pattern) {
      let word = match.output
      if word.hasPrefix("'") {
        words.append(String(word.dropFirst().dropLast()))
      } else if word.hasPrefix("\"") {
        guard let (value, _) = GoUnquote.literal(word),
          let string = String(validating: value, as: UTF8.self)
        else {
          throw CommandFailure(.invalidInput, "\(word) is no text in UTF-8")
        }
        words.append(string)
      } else {
        words.append(String(word))
      }
    }
    return words
  }
}
