import Glibc
import Raft
import Replica
import Services
import Testing

@testable import Handlers
@testable import Host
@testable import Server

/// What `quorate server` is told.
@Suite struct FlagTests {
  private func flags(_ change: (inout MemberFlags) -> Void = { _ in }) -> MemberFlags {
    var flags = MemberFlags()
    flags.name = "n1"
    flags.initialCluster = "n1=http://127.0.0.1:1,n2=http://127.0.0.1:2,n3=http://127.0.0.1:3"
    flags.listenPeerURLs = "http://127.0.0.1:1"
    change(&flags)
    return flags
  }

  @Test func `the defaults are etcd's`() throws {
    let settings = try flags().settings()
    #expect(settings.replica.raft.heartbeatInterval == .milliseconds(100))
    #expect(settings.replica.raft.electionTimeout == .milliseconds(1000))
    #expect(settings.requests.requestBytes == 1_572_864)
    #expect(settings.requests.transactionOperations == 128)
    #expect(settings.requestTimeout == .seconds(7))
    #expect(!settings.isLab)
    #expect(settings.initialCluster.sizeWarning == nil)
  }

  @Test func `without a list a member is alone`() throws {
    let settings = try flags { $0.initialCluster = nil }.settings()
    #expect(settings.initialCluster.members.map(\.name) == ["n1"])
  }

  @Test(arguments: 1...7)
  func `an even size is warned of, an odd one not`(count: Int) throws {
    let list = (1...count).map { "n\($0)=http://127.0.0.1:\($0)" }.joined(separator: ",")
    let cluster = try flags { $0.initialCluster = list }.settings().initialCluster
    #expect((cluster.sizeWarning == nil) == !count.isMultiple(of: 2))
  }

  @Test(arguments: [
    ("n1=http://a:1,n1", "not name=http"), ("n1=https://a:1", "TLS"), ("n1=a:1", "http://host"),
    ("n1=http://a:1,n2=http://a:1", "twice"), ("n1=http://a:70000", "65535"),
    ("n1=http://a:1/x", "path"), ("=http://a:1", "not name"),
    ((1...8).map { "n\($0)=http://a:\($0)" }.joined(separator: ","), "1 to 7"),
  ])
  func `a list that cannot be meant is refused with what is wrong`(list: String, part: String) {
    #expect {
      try flags { $0.initialCluster = list }.settings()
    } throws: { error in
      guard case .badFlags(let problem) = error as? ServerExit else { return false }
      return problem.contains(part)
    }
  }

  @Test func `a list without this member is refused`() {
    #expect(throws: ServerExit.wrongInitialCluster("it does not name this member, n9")) {
      try flags { $0.name = "n9" }.settings()
    }
  }

  @Test func `a list that has other peer URLs than this member advertises is refused`() {
    #expect {
      try flags { $0.initialAdvertisePeerURLs = "http://127.0.0.1:9" }.settings()
    } throws: { ($0 as? ServerExit)?.code == 21 }
  }

  @Test func `an election timeout below five heartbeats is refused`() {
    #expect { try flags { $0.electionMilliseconds = 499 }.settings() } throws: {
      ($0 as? ServerExit)?.code == 20
    }
  }

  @Test func `flags of etcd without a meaning go, with their values, and are named`() {
    let flags = IgnoredFlags(separating: [
      "--name", "a", "--pre-vote", "--backend-batch-limit=1", "--wal-dir", "/w", "--lab",
      "--max-wals", "5",
    ])
    #expect(flags.remaining == ["--name", "a", "--lab"])
    #expect(
      flags.ignored == [
        "--pre-vote", "--backend-batch-limit", "--wal-dir", "--max-wals",
      ])
  }

  @Test(arguments: ["--cert-file", "--force-new-cluster", "--peer-trusted-ca-file", "--typo"])
  func `flags that would change what is safe are not passed over`(flag: String) {
    #expect(IgnoredFlags(separating: [flag]).remaining == [flag])
  }

  @Test func `every way to end has a code of its own and one sentence`() {
    let exits: [ServerExit] = [
      .badFlags("x"), .wrongInitialCluster("x"), .directoryInUse(directory: "d"),
      .anotherCluster(directory: "d", found: "1", expected: "2"),
      .wiped(name: "n", member: "1", peerURL: "http://a:1"),
      .addressInUse(flag: "--f", address: "a"), .unwritableDirectory(directory: "d", reason: "r"),
      .damagedFile(file: "f", place: "p"), .diskFailed(file: "f", reason: "r"),
      .unknownFormat(what: "f"),
    ]
    #expect(exits.map(\.code) == Array(20...29))
    #expect(BrokenInvariant.code == 30)
    #expect(UnreadablePage.code == ServerExit.diskFailed(file: "f", reason: "r").code)
    for exit in exits {
      #expect(exit.sentence.hasSuffix(".") || exit.sentence.contains("quorate member"))
      #expect(!exit.sentence.contains("\n"))
    }
  }

  @Test func `a page that the disk cannot give ends the process as a failed disk does`() async {
    await #expect(processExitsWith: .exitCode(28)) {
      UnreadablePage.install()
      let file = try #require(tmpfile())
      defer { fclose(file) }
      // The file has no such page.
      let page = mmap(nil, 4_096, PROT_READ, MAP_SHARED, fileno(file), 0)
      _ = try #require(page).load(as: UInt8.self)
    }
  }
}
