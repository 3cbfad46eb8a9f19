import Lab
import Testing

@Suite struct `Partition shapes` {
  func cuts(_ text: String, _ members: Int) throws -> [String] {
    let words = text.split(separator: " ").map(String.init)
    return try Partition(parsing: words, members: members, manner: .silent).cuts
      .map { "\($0.from)>\($0.to)" }.sorted()
  }

  @Test func `groups cut every link between them, both ways`() throws {
    #expect(try cuts("1,2 | 3", 3) == ["1>3", "2>3", "3>1", "3>2"])
    #expect(try cuts("n1 n2|n3", 3) == ["1>3", "2>3", "3>1", "3>2"])
    #expect(try cuts("1 | 2 | 3", 3).count == 6)
    #expect(try cuts("1,2|3,4,5", 5).count == 12)
  }

  @Test(arguments: [(3, ["1>2", "1>3", "2>1", "3>1"]), (2, ["1>2", "2>1"]), (1, [])])
  func `halves round the first half down`(members: Int, expected: [String]) throws {
    #expect(try cuts("halves", members) == expected)
  }

  @Test func `an isolated member reaches nobody and the others reach each other`() throws {
    #expect(try cuts("isolate 2", 3) == ["1>2", "2>1", "2>3", "3>2"])
    #expect(try cuts("isolate 1,2", 3).count == 6)
  }

  @Test func `a bridge keeps its links to both halves`() throws {
    #expect(try cuts("bridge 3", 5) == ["1>4", "1>5", "2>4", "2>5", "4>1", "4>2", "5>1", "5>2"])
  }

  @Test func `in a ring only neighbours hear each other`() throws {
    #expect(try cuts("ring", 3) == [])
    #expect(try cuts("ring", 4) == ["1>3", "2>4", "3>1", "4>2"])
    #expect(try cuts("ring", 5).count == 10)
  }

  @Test func `one way is one way`() throws {
    #expect(try cuts("one-way 1>2", 3) == ["1>2"])
    #expect(try cuts("one-way 1>2,n3>1", 3) == ["1>2", "3>1"])
  }

  @Test(arguments: [
    ("", "name a partition"), ("1,2", "is no partition"), ("1,2 | 3,9", "'9' is no member"),
    ("1,2 | 3", "on which side member 4, 5 is"), ("1,2 | 2,3,4,5", "stands on two sides"),
    ("1,1 | 2,3,4,5", "named twice"), ("isolate", "at least one member"),
    ("isolate x", "'x' is no member"), ("one-way 1-2", "names no direction"),
    ("one-way 2>2", "no link to itself"), ("halves 3", "nothing follows 'halves'"),
    ("bridge 1,2", "a bridge is one member"), ("1,2 |", "at least one member"),
  ])
  func `what cannot be read is refused in one sentence`(text: String, part: String) {
    let words = text.split(separator: " ").map(String.init)
    let error = #expect(throws: PartitionSyntaxError.self) {
      try Partition(parsing: words, members: 5, manner: .silent)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test func `the summary names each link once`() throws {
    let words = ["one-way", "1>2,2>1,3>1"]
    let partition = try Partition(parsing: words, members: 3, manner: .silent)
    #expect(partition.summary == "1 <-/-> 2, 3 -/-> 1")
    #expect(Partition.none.summary == "nothing")
  }
}
