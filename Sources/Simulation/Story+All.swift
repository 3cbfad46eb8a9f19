extension Story {
  /// Every story.
  public static let all: [Story] = []
}
