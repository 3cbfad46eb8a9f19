import QuorateClient
import EtcdAPI
import Foundation
import NIOCore
import NIOPosix
import RPC

/// Sends the same generated requests to two servers, both empty at first, and compares the answers
/// field by field. What differs between any two clusters is left out: ids and terms.
///
///     compare ENDPOINT ENDPOINT [--requests N] [--leases] [--watches N] [--maintenance N]
///         [--contests N] [--members N] [--seed S]
///
/// With `--watches`, plays so many streams of watches as well (`WatchComparison`); with
/// `--maintenance`, sends so many requests of that service; with `--contests`, makes so many calls
/// about locks and elections (`LockComparison`); with `--members`, sends so many requests about
/// the members (`MemberComparison`). Ends with 0 when every answer was the same, 1 when not, 2 when
/// it could not run.
@main
struct Compare {
  struct Answer {
    /// How it reads once what may differ is taken out.
    var text: String
    /// As it came, but for ids and terms.
    var asSent: String
    var revision: Int64
    var isRefusal = false

    init(_ text: String, asSent: String? = nil, _ revision: Int64) {
      self.text = text
      self.asSent = asSent ?? text
      self.revision = revision
    }

    static func refusal(_ text: String) -> Answer {
      var answer = Answer(text, 0)
      answer.isRefusal = true
      return answer
    }
  }

  private static let differencesLimit = 5

  static func main() async {
    var words = Array(CommandLine.arguments.dropFirst())
    let drawsLeases = words.contains("--leases")
    words.removeAll { $0 == "--leases" }
    guard let requests = number(after: "--requests", in: &words, else: 20_000),
      let watches = number(after: "--watches", in: &words, else: 0),
      let members = number(after: "--members", in: &words, else: 0),
      let maintenance = number(after: "--maintenance", in: &words, else: 0),
      let lockCalls = number(after: "--contests", in: &words, else: 0),
      let seed = number(after: "--seed", in: &words, else: UInt64(1)), words.count == 2,
      let first = try? Endpoint(words[0]), let second = try? Endpoint(words[1])
    else {
      stop(
        "usage: compare ENDPOINT ENDPOINT [--requests N] [--leases] [--watches N] "
          + "[--maintenance N] [--contests N] [--members N] [--seed S]")
    }
    print("comparing \(first) with \(second): \(requests) requests, seed \(seed)")
    let left = await connection(to: first)
    let right = await connection(to: second)
    var generator = RequestGenerator(seed: seed, drawsLeases: drawsLeases)
    var differences = 0
    var refusals = 0
    var reordered = 0
    for count in 1..<requests + 1 {
      let call = generator.next()
      async let mine = answer(to: call, from: left)
      async let theirs = answer(to: call, from: right)
      let (a, b) = await (mine, theirs)
      if a.isRefusal { refusals += 1 }
      if a.text != b.text {
        differences += 1
        print("request \(count) is answered differently:\n\(call.text)")
        print("\(first):\n\(a.text)\n\(second):\n\(b.text)\n")
        if differences == differencesLimit { break }
      } else if a.asSent != b.asSent, call.isOfPairs {
        reordered += 1
      }
      generator.revision = max(generator.revision, a.revision)
    }
    if reordered > 0 {
      print(
        "\(reordered) answers differ for a known reason: pairs that are equal in what they are "
          + "sorted by come in another order")
    }
    if maintenance > 0 {
      let found = await compareMaintenance(maintenance, left, right, seed: seed)
      differences += found.differences
      print("\(maintenance) requests of maintenance and writes, \(found.refusals) refused")
    }
    if watches > 0 { differences += await compareWatches(watches, left, right, seed: seed) }
    if members > 0 { differences += await compareMembers(members, left, right, seed: seed) }
    if lockCalls > 0 { differences += await compareLocks(lockCalls, left, right, seed: seed) }
    await left.close()
    await right.close()
    print(
      differences == 0
        ? "\(requests - reordered) answers are the same, \(refusals) of them refusals; seed \(seed)"
        : "\(differences) answers differ; seed \(seed)")
    exit(differences == 0 ? 0 : 1)
  }

  private static func compareMembers(
    _ count: Int, _ left: RPCConnection, _ right: RPCConnection, seed: UInt64
  ) async -> Int {
    var comparison = await MemberComparison([left, right], seed: seed)
    while comparison.calls < count, comparison.differences.count < differencesLimit {
      await comparison.playCall()
    }
    for difference in comparison.differences { print("members differ:\n\(difference)\n") }
    print(
      "\(comparison.updatesOfLearners) updates differ for a known reason: etcd 3.5.1 takes a "
        + "learner for a voter once its URLs have changed")
    print(
      "\(comparison.calls) requests about members, \(comparison.refusals) of them refused: "
        + "\(comparison.differences.count) differ without a known reason")
    return comparison.differences.count
  }

  /// How many scripts differ without a reason that we know of.
  private static func compareWatches(
    _ count: Int, _ left: RPCConnection, _ right: RPCConnection, seed: UInt64
  ) async -> Int {
    var comparison = WatchComparison(left, right, seed: seed)
    do {
      while comparison.scripts < count, comparison.differences.count < differencesLimit {
        try await comparison.playRound()
      }
    } catch let fault as WatchComparison.Fault {
      stop(fault.text)
    } catch {
      stop("\(error)")
    }
    for difference in comparison.differences { print("watches differ:\n\(difference)\n") }
    for (reason, count) in comparison.known.sorted(by: { $0.key < $1.key }) {
      print("\(count) scripts differ for a known reason: \(reason)")
    }
    print(
      "\(comparison.scripts) scripts of watches, \(comparison.events) events: "
        + "\(comparison.differences.count) differ without a known reason")
    return comparison.differences.count
  }

  /// How many calls are answered differently without a reason that we know of.
  private static func compareLocks(
    _ count: Int, _ left: RPCConnection, _ right: RPCConnection, seed: UInt64
  ) async -> Int {
    var comparison = LockComparison(left, right, seed: seed)
    do {
      try await comparison.begin()
      while comparison.calls < count, comparison.differences.count < differencesLimit {
        try await comparison.play()
      }
    } catch let fault as LockComparison.Fault {
      stop(fault.text)
    } catch {
      stop("\(error)")
    }
    for difference in comparison.differences { print("lock calls differ:\n\(difference)\n") }
    for (reason, count) in comparison.known.sorted(by: { $0.key < $1.key }) {
      print("\(count) calls differ for a known reason: \(reason)")
    }
    print(
      "\(comparison.calls) calls about locks and elections, \(comparison.refusals) of them refused "
        + "or given up: \(comparison.differences.count) differ without a known reason")
    return comparison.differences.count
  }

  private static func connection(to endpoint: Endpoint) async -> RPCConnection {
    do {
      return try await RPCConnection.connect(
        host: endpoint.host, port: endpoint.port, on: MultiThreadedEventLoopGroup.singleton.next())
    } catch {
      stop("\(endpoint) cannot be reached: \(error)")
    }
  }

  static func answer(
    to call: RequestGenerator.Call, from connection: RPCConnection
  ) async -> Answer {
    switch call {
    case .range(let request):
      await answer(EtcdMethod.KV.range, request, connection, \EtcdRangeResponse.header) {
        $0.orderEquals(as: request)
      }
    case .put(let request):
      await answer(EtcdMethod.KV.put, request, connection, \EtcdPutResponse.header)
    case .deleteRange(let request):
      await answer(
        EtcdMethod.KV.deleteRange, request, connection, \EtcdDeleteRangeResponse.header)
    case .txn(let request):
      await answer(EtcdMethod.KV.txn, request, connection, \EtcdTxnResponse.header) {
        $0.orderEquals(as: request)
      }
    case .compact(let request):
      await answer(EtcdMethod.KV.compact, request, connection, \EtcdCompactionResponse.header)
    case .grant, .revoke, .keepAlive, .timeToLive, .leases:
      await leaseAnswer(to: call, from: connection)
    }
  }

  static func answer<Response: EtcdMessage>(
    _ method: String, _ request: some EtcdMessage, _ connection: RPCConnection,
    _ header: WritableKeyPath<Response, EtcdResponseHeader>,
    _ plain: (inout Response) -> Void = { _ in }
  ) async -> Answer {
    let outcome = await connection.call(
      method, request.encodedBytes, timeout: .seconds(30))
    guard outcome.status.code == .ok, let body = outcome.message else {
      if outcome.delivery != .answered { stop("a call was lost: \(outcome.status.message)") }
      let status = outcome.status
      return .refusal("\(status.code) (\(status.code.rawValue)): \(status.message)")
    }
    guard var response = try? Response(decoding: Array(body.readableBytesView)) else {
      return Answer("no \(Response.self)", 0)
    }
    response[keyPath: header].clusterID = 0
    response[keyPath: header].memberID = 0
    response[keyPath: header].raftTerm = 0
    let asSent = response.fieldText
    plain(&response)
    return Answer(response.fieldText, asSent: asSent, response[keyPath: header].revision)
  }

  private static func number<Number: FixedWidthInteger>(
    after name: String, in words: inout [String], else value: Number
  ) -> Number? {
    guard let place = words.firstIndex(of: name) else { return value }
    guard place + 1 < words.count, let number = Number(words[place + 1]) else { return nil }
    words.removeSubrange(place...(place + 1))
    return number
  }

  static func stop(_ sentence: String) -> Never {
    FileHandle.standardError.write(Data("compare: \(sentence)\n".utf8))
    exit(2)
  }
}
