import KeyValue
import Testing

/// etcd api/v3rpc/key.go, case by case.
@Suite struct ValidationTests {
  private func put(_ key: String) -> Operation {
    .put(PutRequest(key: [UInt8](key), value: []))
  }

  private func delete(_ key: String, _ end: String = "") -> Operation {
    .deleteRange(DeleteRangeRequest(range: KeyRange(key, end)))
  }

  private func txn(_ success: [Operation], else failure: [Operation] = []) -> TxnRequest {
    var request = TxnRequest()
    request.success = success
    request.failure = failure
    return request
  }

  private func error(_ request: TxnRequest, limit: Int = 128) -> RequestError? {
    do throws(RequestError) {
      try request.validate(limitOperations: limit)
      return nil
    } catch {
      return error
    }
  }

  @Test func `an empty key is refused everywhere`() {
    #expect(throws: RequestError.emptyKey) { try RangeRequest(range: KeyRange("")).validate() }
    #expect(throws: RequestError.emptyKey) { try PutRequest(key: [], value: []).validate() }
    #expect(throws: RequestError.emptyKey) {
      try DeleteRangeRequest(range: KeyRange("")).validate()
    }
    var compared = TxnRequest()
    compared.compares = [Compare(range: KeyRange(""), relation: .equal, target: .version(0))]
    #expect(error(compared) == .emptyKey)
    #expect(error(txn([], else: [.txn(txn([put("")]))])) == .emptyKey)
  }

  @Test func `what is ignored must not be given`() {
    var value = PutRequest(key: [1], value: [1])
    value.ignoreValue = true
    #expect(throws: RequestError.valueProvided) { try value.validate() }
    value.value = []
    #expect(throws: Never.self) { try value.validate() }
    var lease = PutRequest(key: [1], value: [1])
    lease.ignoreLease = true
    lease.lease = 5
    #expect(throws: RequestError.leaseProvided) { try lease.validate() }
  }

  @Test func `a list is as long as allowed, and what is nested gets the rest`() {
    let puts = (0..<4).map { put("k\($0)") }
    #expect(error(txn(puts), limit: 4) == nil)
    #expect(error(txn(puts), limit: 3) == .tooManyOperations)
    #expect(error(txn([], else: puts), limit: 3) == .tooManyOperations)
    #expect(error(txn([.txn(txn(puts))]), limit: 5) == nil)
    #expect(error(txn([.txn(txn(puts))]), limit: 4) == .tooManyOperations)
  }

  @Test func `no key is written twice, whichever way the compares go`() {
    let cases: [(TxnRequest, RequestError?)] = [
      (txn([put("a"), put("b")]), nil),
      (txn([put("a"), put("a")]), .duplicateKey),
      (txn([put("a")], else: [put("a")]), nil),
      (txn([], else: [put("a"), put("a")]), .duplicateKey),
      (txn([put("a"), delete("a")]), .duplicateKey),
      (txn([put("b"), delete("a", "c")]), .duplicateKey),
      (txn([put("c"), delete("a", "c")]), nil),
      (txn([delete("a", "c"), delete("b", "d")]), nil),
      (txn([delete("a", "c"), delete("b", "d"), put("cc")]), .duplicateKey),
      (txn([put("a"), .txn(txn([put("a")]))]), .duplicateKey),
      (txn([.txn(txn([put("a")], else: [put("a")]))]), nil),
      (txn([.txn(txn([put("a")])), .txn(txn([], else: [put("a")]))]), .duplicateKey),
      (txn([delete("a"), .txn(txn([put("a")]))]), .duplicateKey),
      (txn([.txn(txn([delete("a")])), .txn(txn([put("a")]))]), .duplicateKey),
      // etcd looks at what earlier children delete, not at what later ones do.
      (txn([.txn(txn([put("a")])), .txn(txn([delete("a")]))]), nil),
      // The same key may be deleted in one branch and put in the other.
      (txn([.txn(txn([delete("a")], else: [put("a")]))]), nil),
      // etcd takes the end "\0" for a bound below every key.
      (txn([put("b"), delete("a", "\0")]), nil),
      (txn([put("b"), delete("c", "a")]), nil),
    ]
    for (index, (request, expected)) in cases.enumerated() {
      #expect(error(request) == expected, "case \(index)")
    }
  }

  @Test func `a transaction that can only read is known as such`() {
    let range = Operation.range(RangeRequest(range: KeyRange("a")))
    #expect(txn([range, .txn(txn([range]))]).isReadOnly)
    #expect(!txn([range], else: [put("a")]).isReadOnly)
    #expect(!txn([.txn(txn([], else: [delete("a")]))]).isReadOnly)
  }
}
