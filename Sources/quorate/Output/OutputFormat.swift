import ArgumentParser
import EtcdAPI
import Foundation

/// How answers are written (etcdctl `--write-out`).
enum OutputFormat: String, CaseIterable {
  case simple
  case json
  case fields
  case table
  case protobuf
}

/// Writes answers byte for byte as etcdctl does.
struct Printer {
  var format: OutputFormat
  /// `simple` only: keys and values as `\x61\x62`.
  var isHexadecimal = false
  /// `simple` only: values without their keys.
  var valuesOnly = false

  func range(_ response: EtcdRangeResponse) throws(CommandFailure) -> [UInt8] {
    switch format {
    case .simple: simple(response)
    case .json: Array((GoJSON(response).text + "\n").utf8)
    case .fields: Array(Fields.range(response).utf8)
    case .table: throw .unsupported(format)
    case .protobuf: response.encodedBytes
    }
  }

  func put(_ response: EtcdPutResponse) throws(CommandFailure) -> [UInt8] {
    switch format {
    case .simple: simple(response)
    case .json: Array((GoJSON(response).text + "\n").utf8)
    case .fields: Array(Fields.put(response).utf8)
    case .table: throw .unsupported(format)
    case .protobuf: response.encodedBytes
    }
  }

  func deleteRange(_ response: EtcdDeleteRangeResponse) throws(CommandFailure) -> [UInt8] {
    switch format {
    case .simple: simple(response)
    case .json: Array((GoJSON(response).text + "\n").utf8)
    case .fields: Array(Fields.deleteRange(response).utf8)
    case .table: throw .unsupported(format)
    case .protobuf: response.encodedBytes
    }
  }

  func txn(_ response: EtcdTxnResponse) throws(CommandFailure) -> [UInt8] {
    switch format {
    case .simple: simple(response)
    case .json: Array((GoJSON(response).text + "\n").utf8)
    case .fields: Array(Fields.txn(response).utf8)
    case .table: throw .unsupported(format)
    case .protobuf: response.encodedBytes
    }
  }

  func watch(_ response: EtcdWatchResponse) throws(CommandFailure) -> [UInt8] {
    switch format {
    case .simple: simple(response)
    case .json: Array((GoJSON(response).text + "\n").utf8)
    case .fields: Array(Fields.watch(response).utf8)
    case .table: throw .unsupported(format)
    case .protobuf: response.encodedBytes
    }
  }

  /// The message itself where the format is `protobuf`, else what `text` makes of it.
  func bytes<Message: EtcdMessage>(
    _ message: Message, _ text: (Message) throws(CommandFailure) -> String
  ) throws(CommandFailure) -> [UInt8] {
    if format == .protobuf { return message.encodedBytes }
    return Array(try text(message).utf8)
  }

  private func simple(_ response: EtcdWatchResponse) -> [UInt8] {
    response.events.flatMap { event in
      Array("\(event.name)\n".utf8) + (event.hasPrevKv ? simple(event.prevKv) : [])
        + simple(event.kv)
    }
  }

  private func simple(_ response: EtcdRangeResponse) -> [UInt8] {
    response.kvs.flatMap { simple($0) }
  }

  private func simple(_ response: EtcdPutResponse) -> [UInt8] {
    Array("OK\n".utf8) + (response.hasPrevKv ? simple(response.prevKv) : [])
  }

  private func simple(_ response: EtcdDeleteRangeResponse) -> [UInt8] {
    Array("\(response.deleted)\n".utf8) + response.prevKvs.flatMap { simple($0) }
  }

  private func simple(_ response: EtcdTxnResponse) -> [UInt8] {
    var bytes = Array((response.succeeded ? "SUCCESS\n" : "FAILURE\n").utf8)
    for step in response.responses {
      bytes.append(UInt8(ascii: "\n"))
      switch step.response {
      case .responseRange(let range): bytes += simple(range)
      case .responsePut(let put): bytes += simple(put)
      case .responseDeleteRange(let deletion): bytes += simple(deletion)
      case .responseTxn(let txn): bytes += simple(txn)
      case nil: break
      }
    }
    return bytes
  }

  private func simple(_ pair: EtcdKeyValue) -> [UInt8] {
    (valuesOnly ? [] : line(pair.key)) + line(pair.value)
  }

  private func line(_ bytes: Data) -> [UInt8] {
    let newline = UInt8(ascii: "\n")
    guard isHexadecimal else { return Array(bytes) + [newline] }
    let text = bytes.map { "\\x" + GoText.hexadecimal(UInt32($0), digits: 2) }.joined()
    return Array(text.utf8) + [newline]
  }
}
