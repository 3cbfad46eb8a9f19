import EtcdAPI
import Foundation
import Testing

@testable import quorate

/// Each text was printed by etcdctl 3.5.1 for the same answer.
@Suite struct `Leases are printed as etcdctl prints them` {
  private static let header = EtcdResponseHeader.make {
    $0.clusterID = 17_540_820_097_414_951_857
    $0.memberID = 13_133_933_008_779_044_626
    $0.revision = 4
    $0.raftTerm = 2
  }

  private static let head =
    #"{"cluster_id":17540820097414951857,"member_id":13133933008779044626,"#
    + #""revision":4,"raft_term":2"#
  private static let fields = """
    "ClusterID" : 17540820097414951857
    "MemberID" : 13133933008779044626
    "Revision" : 4
    "RaftTerm" : 2

    """

  private static let gone = EtcdLeaseTimeToLiveResponse.make {
    $0.header = header
    $0.id = 7_427_176_962_155_989_517
    $0.ttl = -1
  }

  private static let held = EtcdLeaseTimeToLiveResponse.make {
    $0.header = header
    $0.id = 0x6712_a218_a145_ca0d
    $0.ttl = 59
    $0.grantedTtl = 60
    $0.keys = [Data("b".utf8), Data("a".utf8)]
  }

  @Test func `a grant`() throws {
    let grant = EtcdLeaseGrantResponse.make {
      $0.header = Self.header
      $0.id = 7_427_176_962_155_989_525
      $0.ttl = 50
    }
    #expect(
      try Printer(format: .simple).grant(grant)
        == "lease 6712a218a145ca15 granted with TTL(50s)\n")
    #expect(
      try Printer(format: .json).grant(grant)
        == Self.head + #","ID":7427176962155989525,"TTL":50,"Error":""}"# + "\n")
    #expect(
      try Printer(format: .fields).grant(grant)
        == Self.fields + "\"ID\" : 7427176962155989525\n\"TTL\" : 50\n")
    #expect(throws: CommandFailure.self) { try Printer(format: .table).grant(grant) }
  }

  @Test func `what is left`() throws {
    let simple = Printer(format: .simple)
    #expect(
      try simple.timeToLive(Self.held, withKeys: true)
        == "lease 6712a218a145ca0d granted with TTL(60s), remaining(59s), attached keys([b a])\n")
    #expect(
      try simple.timeToLive(Self.held, withKeys: false)
        == "lease 6712a218a145ca0d granted with TTL(60s), remaining(59s)\n")
    #expect(
      try simple.timeToLive(Self.gone, withKeys: true)
        == "lease 6712a218a145ca0d already expired\n")
    #expect(
      try Printer(format: .json).timeToLive(Self.gone, withKeys: false)
        == Self.head + #","id":7427176962155989517,"ttl":-1,"granted-ttl":0,"keys":null}"# + "\n")
    #expect(
      try Printer(format: .fields).timeToLive(Self.gone, withKeys: false)
        == Self.fields + "\"ID\" : 7427176962155989517\n\"TTL\" : -1\n\"GrantedTTL\" : 0\n")
  }

  @Test func `a list`() throws {
    let list = EtcdLeaseLeasesResponse.make {
      $0.header = Self.header
      $0.leases = [0x6712_a218_a145_ca07, -251].map { id in .make { $0.id = id } }
    }
    #expect(
      try Printer(format: .simple).leases(list)
        == "found 2 leases\n6712a218a145ca07\n-0000000000000fb\n")
    #expect(
      try Printer(format: .json).leases(list)
        == Self.head + #","leases":[{"id":7427176962155989511},{"id":-251}]}"# + "\n")
  }

  @Test func `a revocation and a keep-alive`() throws {
    let kept = EtcdLeaseKeepAliveResponse.make {
      $0.header = Self.header
      $0.id = 0x6712_a218_a145_ca0d
      $0.ttl = 60
    }
    #expect(
      try Printer(format: .simple).keepAlive(kept)
        == "lease 6712a218a145ca0d keepalived with TTL(60)\n")
    #expect(throws: CommandFailure.unsupported(.table)) {
      try Printer(format: .table).keepAlive(kept)
    }
    let revoked = EtcdLeaseRevokeResponse.make { $0.header = Self.header }
    #expect(
      try Printer(format: .simple).revoke(0x6712_a218_a145_ca0d, revoked)
        == "lease 6712a218a145ca0d revoked\n")
    #expect(try Printer(format: .json).revoke(7, revoked) == "{\"header\":" + Self.head + "}}\n")
  }

  @Test func `an id that is none is named as Go names it`() {
    #expect(throws: CommandFailure(.badArguments, "none")) {
      try LeaseArgument.id(in: [], else: "none")
    }
    #expect(
      throws: CommandFailure(
        .badArguments,
        "bad lease ID arg (strconv.ParseInt: parsing \"zz\": invalid syntax), expecting ID in Hex")
    ) { try LeaseArgument.id(in: ["zz"], else: "none") }
  }
}
