import Base
import Testing

@Suite struct `An instant` {
  @Test func `and a duration give the instant so much later`() {
    let start = Instant(nanoseconds: 5)
    let end = start + .milliseconds(2)
    #expect(end == Instant(nanoseconds: 2_000_005))
    #expect(end - start == .milliseconds(2))
    #expect(start < end)
  }

  @Test func `is nanoseconds, rounded towards zero`() {
    #expect(Duration.seconds(-3).nanoseconds == -3_000_000_000)
    #expect(
      Duration(secondsComponent: 1, attosecondsComponent: 1_999_999_999).nanoseconds
        == 1_000_000_001)
  }
}
