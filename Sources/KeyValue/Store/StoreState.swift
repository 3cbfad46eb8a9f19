/// What a read view shows and a store changes.
struct StoreState: Sendable {
  var index = KeyIndex()
  var window: RowWindow
  var meta: StateMeta
  let generation: UInt64
  /// Kept alive by the read views taken since the last compaction.
  var hold = ReadViewHold()
}

/// Lives as long as a read view of one compaction revision does.
final class ReadViewHold: Sendable {}

/// Why a read of the state gives no answer.
enum ReadFailure: Error {
  /// The answer is this refusal.
  case refused(CommandError)
  /// These rows are not in memory, and only memory was allowed.
  case misses([RowNumber])
  /// The table could not be read.
  case world(any Error)
}

/// Where a read finds the rows that the window has let go.
struct RowSource {
  /// More rows than this are a scan; they would drive out what single reads need.
  static let scanLength = 16

  var cache: RowCache
  /// `nil`: memory only.
  let table: (any RowReading)?

  /// Takes the cache over, so that nobody shares it while it changes; give it back afterwards.
  init(taking cache: inout RowCache, table: (any RowReading)?) {
    self.cache = cache
    self.table = table
    cache = RowCache(limitBytes: 0)
  }

  /// The rows with these numbers, in the same order.
  mutating func rows(
    _ numbers: [RowNumber], window: RowWindow
  ) throws(ReadFailure) -> [Row] {
    var held: [Row] = []
    var missing: [RowNumber] = []
    held.reserveCapacity(numbers.count)
    for number in numbers {
      if let row = window.row(number) ?? cache.row(number) {
        held.append(row)
      } else {
        missing.append(number)
      }
    }
    guard !missing.isEmpty else { return held }
    guard let table else { throw .misses(missing) }
    let fetched = try RowSource.read(missing, from: table)
    if fetched.count <= RowSource.scanLength { for row in fetched { cache.insert(row) } }
    return held.isEmpty ? fetched : RowSource.merged(numbers, held, fetched)
  }

  /// The rows with these numbers, each from one of two lists that keep their order.
  private static func merged(_ numbers: [RowNumber], _ held: [Row], _ fetched: [Row]) -> [Row] {
    var (rest, other) = (held[...], fetched[...])
    return numbers.map { number in
      // A number that comes twice is in the same list both times.
      rest.first?.number == number ? rest.removeFirst() : other.removeFirst()
    }
  }

  private static func read(
    _ numbers: [RowNumber], from table: any RowReading
  ) throws(ReadFailure) -> [Row] {
    let rows: [Row]
    do {
      rows = try table.rows(numbered: numbers)
    } catch {
      throw .world(error)
    }
    guard rows.count == numbers.count, zip(rows, numbers).allSatisfy({ $0.number == $1 }) else {
      throw .world(StoreDamage(reason: "the table lacks rows that the index knows"))
    }
    return rows
  }
}
