import EtcdAPI
import Foundation
import KeyValue
import Host
import Services

/// Messages of the API, and the queue between threads.
extension Benchmark {
  static var server: [Benchmark] {
    messages + [
      Benchmark("inbox/hand-over") { _ in
        let inbox = Inbox<[UInt8]>(limit: 1 << 10, wakes: .nobody)
        let element = Keys.value(1)
        return { operations in
          // Ten of them a batch.
          for number in 1...operations {
            inbox.offer(element)
            if number % 10 == 0 { keep(inbox.drain()) }
          }
          keep(inbox.drain())
        }
      }
    ]
  }

  private static var messages: [Benchmark] {
    let header = AnswerHeader(cluster: 1, member: 1, raftTerm: 7)
    return [
      Benchmark("api/plan-put") { _ in
        let body = EtcdPutRequest.make {
          $0.key = Data(Keys.key(1))
          $0.value = Data(Keys.value(1))
        }.encodedBytes
        let service = KVService()
        return { for _ in 0..<$0 { keep(service.plan(.put, body: body)) } }
      },
      Benchmark("api/answer-put") { _ in
        let result = CommandResult(
          revision: 9, answer: .put(PutResponse(previous: nil, revision: 9)))
        return { for _ in 0..<$0 { keep(try KVService.body(result, header)) } }
      },
      Benchmark("api/plan-range") { _ in
        let body = EtcdRangeRequest.make { $0.key = Data(Keys.key(1)) }.encodedBytes
        let service = KVService()
        return { for _ in 0..<$0 { keep(service.plan(.range, body: body)) } }
      },
      answerRange(1, header), answerRange(100, header),
    ]
  }

  private static func answerRange(_ count: Int, _ header: AnswerHeader) -> Benchmark {
    Benchmark("api/answer-range-\(count)") { _ in
      let pairs = (1...Int64(count)).map { number in
        Row(
          number: number, modRevision: number, subRevision: 0, key: Keys.key(UInt64(number)),
          value: Keys.value(1), createRevision: number, version: 1, lease: 0)
      }
      let response = RangeResponse(pairs: pairs, more: false, count: Int64(count), revision: 9)
      return { for _ in 0..<$0 { keep(KVService.body(response, header)) } }
    }
  }
}
