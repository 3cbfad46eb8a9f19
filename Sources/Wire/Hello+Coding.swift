import Base
import Raft
import Replica

extension Hello {
  func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: 256)
    writer.write(newestProtocol)
    writer.write(purpose.rawValue)
    writer.write(handshake.clusterID.number)
    writer.write(handshake.from.number)
    writer.write(handshake.name)
    writer.write(handshake.incarnation.number)
    writer.write(handshake.boot.number)
    writer.write(handshake.to.number)
    writer.write(handshake.receiverBoot?.number)
    writer.write(handshake.initialDigest)
    writer.write(handshake.isFormed)
    writer.write(handshake.known)
    writer.write(count: handshake.clientURLs.count)
    for url in handshake.clientURLs { writer.write(url) }
    // Since protocol 2.
    writer.write(handshake.configurationIndex)
    // Since protocol 3.
    handshake.founding.encode(into: &writer)
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
      var handshake = try Handshake(from: &reader)
      if newestProtocol > 1 { handshake.configurationIndex = try reader.readLogIndex() }
      if newestProtocol > 2 { handshake.founding = try Founding(from: &reader) }
      // A later protocol may say more after this.
      if newestProtocol <= Hello.newestProtocol { try reader.finish() }
      self.init(newestProtocol: newestProtocol, purpose: purpose, handshake: handshake)
    } catch {
      throw .malformed(error)
    }
  }
}

extension Handshake {
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
