/// One part of the product, worked a number of times over.
struct Benchmark {
  /// `part/what`, for `--filter` and for comparisons with earlier runs.
  let name: String
  /// Builds what is worked on; the answer does so many operations. Made once, before any round.
  let prepare: (Fixtures) throws -> Body

  /// Does this many operations on the calling thread.
  typealias Body = (_ operations: Int) throws -> Void

  init(_ name: String, _ prepare: @escaping (Fixtures) throws -> Body) {
    self.name = name
    self.prepare = prepare
  }

  static var all: [Benchmark] { core + wire + store + storage + server }
}

/// Keeps a result alive, so that making it is not optimized away.
@inline(never) @_optimize(none)
func keep<Value>(_ value: Value) {}
