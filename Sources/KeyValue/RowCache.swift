/// Rows read from the table, bounded in bytes. Who owns it protects it.
public struct RowCache: Sendable {
  public init(limitBytes: Int) {}
}
