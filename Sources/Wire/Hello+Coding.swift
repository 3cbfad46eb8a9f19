import Base
import Raft
import Replica

extension Hello {
  func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: 256)
    writer.write(newestProtocol)
    writer.write(purpose.rawValue)
    writer.write(greeting.clusterID.number)
    writer.write(greeting.from.number)
    writer.write(greeting.name)
    writer.write(greeting.incarnation.number)
    writer.write(greeting.boot.number)
    writer.write(greeting.to.number)
    writer.write(greeting.receiverBoot?.number)
    writer.write(greeting.initialDigest)
    writer.write(greeting.isFormed)
    writer.write(greeting.known)
    writer.write(count: greeting.clientURLs.count)
    for url in greeting.clientURLs { writer.write(url) }
    // Since protocol 2.
    writer.write(greeting.configurationIndex)
    // Since protocol 3.
    greeting.founding.encode(into: &writer)
    return writer.bytes
  }

  init(decoding payload: [UInt8]) throws(WireError) {
    do throws(CodingError) {
      var reader = ByteReader(payload)
      let newestProtocol = try reader.readUInt32()
      guard newestProtocol > 0 else { throw .malformed(field: "hello.protocol") }
      guard let purpose = Purpose(rawValue: try reader.readUInt8()) else {
        throw .malformed(field: "hello.purpose")
      }
      var greeting = try Greeting(from: &reader)
      if newestProtocol > 1 { greeting.configurationIndex = try reader.readLogIndex() }
      if newestProtocol > 2 { greeting.founding = try Founding(from: &reader) }
      // A later protocol may say more after this.
      if newestProtocol <= Hello.newestProtocol { try reader.finish() }
      self.init(newestProtocol: newestProtocol, purpose: purpose, greeting: greeting)
    } catch {
      throw .malformed(error)
    }
  }
}

extension Greeting {
  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let clusterID = ClusterID(try reader.readUInt64())
    let from = try reader.readMemberID()
    let name = try reader.readString(field: "hello.name")
    let incarnation = Incarnation(try reader.readUInt64())
    let boot = Boot(try reader.readUInt64())
    let to = try reader.readMemberID()
    let receiverBoot = try reader.readOptional().map(Boot.init)
    let initialDigest = try reader.readUInt64()
    let isFormed = try reader.readFlag()
    let known = try reader.readKnownMembers(field: "hello.known")
    var clientURLs: [String] = []
    for _ in 0..<(try reader.readCount(each: 4)) {
      clientURLs.append(try reader.readString(field: "hello.clientURLs"))
    }
    self.init(
      clusterID: clusterID, from: from, name: name, incarnation: incarnation, boot: boot, to: to,
      receiverBoot: receiverBoot, initialDigest: initialDigest, isFormed: isFormed, known: known,
      clientURLs: clientURLs)
  }
}
