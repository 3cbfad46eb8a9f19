import EtcdAPI
import KeyValue
import Raft
import Replica
import Services
import Testing

/// etcd's rules for leases (etcd api/v3rpc/lease.go, lease/lessor.go).
@Suite struct LeaseServiceTests {
  private let service = LeaseService(shortestTTL: 2)

  private func grant(_ id: Int64, ttl: Int64) throws -> Command {
    let body = EtcdLeaseGrantRequest.make {
      $0.id = id
      $0.ttl = ttl
    }.encodedBytes
    return try service.grant(body: body, freshID: 99).command
  }

  @Test func `the id is the client's, else the member's; the time no shorter than allowed`() throws
  {
    #expect(try grant(7, ttl: 60) == .lease(.grant(id: 7, ttl: 60)))
    #expect(try grant(-7, ttl: 60) == .lease(.grant(id: -7, ttl: 60)))
    #expect(try grant(0, ttl: 60) == .lease(.grant(id: 99, ttl: 60)))
    for ttl in [Int64.min, -1, 0, 1, 2] {
      #expect(try grant(0, ttl: ttl) == .lease(.grant(id: 99, ttl: 2)))
    }
    #expect(try grant(0, ttl: 9_000_000_000) == .lease(.grant(id: 99, ttl: 9_000_000_000)))
    #expect(throws: EtcdStatus.leaseTTLTooLarge) { try grant(0, ttl: 9_000_000_001) }
  }

  @Test func `a lease outlives one and a half election timeouts, in whole seconds`() {
    func shortest(_ heartbeat: Int, _ election: Int) -> Int64 {
      var settings = ReplicaSettings()
      settings.raft.heartbeatInterval = .milliseconds(heartbeat)
      settings.raft.electionTimeout = .milliseconds(election)
      return LeaseService.shortestTTL(settings)
    }
    #expect(shortest(100, 1_000) == 2)
    #expect(shortest(100, 2_000) == 3)
    #expect(shortest(100, 2_100) == 4)
    #expect(shortest(40, 400) == 1)
  }

  @Test func `texts and codes are etcd's`() {
    #expect(
      EtcdStatus(CommandError.leaseExists)
        == EtcdStatus(.failedPrecondition, "etcdserver: lease already exists"))
    #expect(
      EtcdStatus(CommandError.leaseNotFound)
        == EtcdStatus(.notFound, "etcdserver: requested lease not found"))
    #expect(
      EtcdStatus.leaseTTLTooLarge == EtcdStatus(.outOfRange, "etcdserver: too large lease TTL"))
  }

  @Test func `what is left is told in whole seconds, a lease that is gone by minus one`() throws {
    let header = AnswerHeader(cluster: 1, member: 2, raftTerm: 3)
    func answer(_ time: (granted: Int64, left: Duration)?) -> EtcdLeaseTimeToLiveResponse {
      LeaseService.timeToLive(7, time, keys: [[1]], revision: 4, header)
    }
    #expect(answer((60, .milliseconds(59_999))).ttl == 59)
    #expect(answer((60, .milliseconds(59_999))).grantedTtl == 60)
    #expect(answer((60, .milliseconds(-1_500))).ttl == 0, "it is about to be ended")
    #expect(answer(nil).ttl == -1)
    #expect(answer(nil).keys.isEmpty)
    #expect(answer(nil).header.revision == 4)
  }

  @Test func `a keep-alive's answer has the time, or zero`() throws {
    let header = AnswerHeader(cluster: 1, member: 2, raftTerm: 3)
    for ttl in [Int64(0), 60] {
      let result = CommandResult(revision: 5, answer: .leaseKeepAlive(id: 7, ttl: ttl))
      let message = try EtcdLeaseKeepAliveResponse(decoding: KVService.body(result, header))
      #expect(message.id == 7 && message.ttl == ttl && message.header.revision == 5)
    }
  }
}
