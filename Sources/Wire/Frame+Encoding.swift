extension Frame {
  /// Appends the frame, a long message as its pieces.
  /// *Precondition*: a hello or snapshot frame fits into one payload.
  public func encode(into bytes: inout [UInt8], limits: WireLimits = WireLimits()) {}
}
