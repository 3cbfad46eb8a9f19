package import Replica

/// Which number belongs to whose request: the client loops and the member itself give numbers out
/// in turn, so an answer finds its way by the number alone.
package struct RequestNumbers: Hashable, Sendable {
  /// How many client loops there are.
  package let loops: Int

  /// The request that client loop number `loop` counts as its `count`th, from 1 on.
  package func id(_ count: UInt64, ofLoop loop: Int) -> RequestID {
    RequestID(count * UInt64(loops + 1) + UInt64(loop))
  }

  /// The same of a request that the member itself makes: nobody waits for its answer.
  package func ownID(_ count: UInt64) -> RequestID { id(count, ofLoop: loops) }

  /// The client loop that waits for the answer; `nil`: the member itself made the request.
  package func loop(of id: RequestID) -> Int? {
    let place = Int(id.number % UInt64(loops + 1))
    return place < loops ? place : nil
  }
}
