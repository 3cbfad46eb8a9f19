import EtcdAPI

func decoded<Request: EtcdMessage>(_ body: [UInt8]) throws(EtcdStatus) -> Request {
  do {
    return try Request(decoding: body)
  } catch {
    throw EtcdStatus(error)
  }
}
