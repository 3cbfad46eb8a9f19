import QuorateClient
import Foundation
import Testing

extension EndToEnd {
  /// PyPI's `etcd3`, unchanged.
  @Suite(.enabled(if: python != nil, "PyPI's etcd3 is not installed: run `make setup`"))
  struct `An unchanged Python client` {
    @Test func `puts, gets, deletes, transacts and compacts`() throws {
      let lab = try TestLab(members: 3)
      for endpoint in try lab.endpoints() {
        let python = try #require(EndToEnd.python)
        let said = try Shell.run([python, "-c", Self.story, endpoint.host, "\(endpoint.port)"])
        #expect(said == "done\n")
      }
    }

    /// What a user of the client would write; every `assert` is an expectation.
    private static let story = """
      import sys, etcd3
      client = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=5)
      client.delete_prefix('p/')
      client.put('p/a', 'one')
      value, meta = client.get('p/a')
      assert value == b'one' and meta.key == b'p/a' and meta.version == 1, (value, meta)
      first = meta.mod_revision
      assert client.put('p/a', 'two', prev_kv=True).prev_kv.value == b'one'
      assert client.get('p/none') == (None, None)
      client.put('p/b', 'three')
      found = [(m.key, v) for v, m in client.get_prefix('p/', sort_order='descend')]
      assert found == [(b'p/b', b'three'), (b'p/a', b'two')], found
      assert [v for v, _ in client.get_range('p/a', 'p/b')] == [b'two']

      done, answers = client.transaction(
          compare=[client.transactions.value('p/a') == 'two',
                   client.transactions.version('p/none') == 0],
          success=[client.transactions.put('p/a', 'four'), client.transactions.get('p/b')],
          failure=[client.transactions.delete('p/a')])
      assert done and answers[1][0][0] == b'three', (done, answers)
      done, _ = client.transaction(
          compare=[client.transactions.mod('p/a') < 1],
          success=[], failure=[client.transactions.delete('p/b')])
      assert not done and client.get('p/b') == (None, None)
      assert client.put_if_not_exists('p/c', 'five') is True
      assert client.put_if_not_exists('p/c', 'six') is False
      assert client.replace('p/c', 'five', 'seven') is True
      assert client.get('p/c')[0] == b'seven'

      events, cancel = client.watch_prefix('p/', start_revision=first)
      seen = [next(events) for _ in range(3)]
      assert [(e.key, e.value) for e in seen] == [
          (b'p/a', b'one'), (b'p/a', b'two'), (b'p/b', b'three')], seen
      cancel()
      client.compact(client.get('p/c')[1].mod_revision)
      try:
          client.kvstub.Range(etcd3.etcdrpc.RangeRequest(key=b'p/a', revision=first))
          assert False, 'a compacted revision was served'
      except Exception as refusal:
          assert 'required revision has been compacted' in str(refusal), refusal
      assert client.delete('p/a') is True and client.delete('p/a') is False
      assert client.delete_prefix('p/').deleted == 1

      lease = client.lease(60)
      client.put('p/l', 'leased', lease)
      assert client.get('p/l')[1].lease_id == lease.id
      assert lease.granted_ttl == 60 and 55 <= lease.remaining_ttl <= 60 and lease.keys == [b'p/l']
      assert [answer.TTL for answer in lease.refresh()] == [60]
      lease.revoke()
      assert client.get('p/l') == (None, None)

      lock = client.lock('p', ttl=10)
      assert lock.acquire(timeout=5) and lock.is_acquired()
      assert client.get('/locks/p')[1].lease_id != 0
      assert lock.release() and not lock.is_acquired()
      with client.lock('p', ttl=10) as again:
          assert again.is_acquired()
      assert client.get('/locks/p') == (None, None)
      print('done')
      """
  }

  /// The Python that `make setup` gave the client to; `nil`: PyPI was out of reach.
  static let python: String? = {
    let path = FileManager.default.currentDirectoryPath + "/.build/python/bin/python"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()
}
