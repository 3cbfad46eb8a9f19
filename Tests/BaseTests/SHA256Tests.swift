import Base
import Testing

@Suite struct `SHA-256` {
  private func text(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// The examples of FIPS 180-4, and the empty message.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func `is that of the standard's examples`(message: String, hash: String) {
    #expect(text(SHA256.hash(Array(message.utf8))) == hash)
  }

  @Test func `of a million letters is the standard's`() {
    var hash = SHA256()
    for _ in 0..<1000 { hash.update([UInt8](repeating: UInt8(ascii: "a"), count: 1000)) }
    #expect(
      text(hash.finish())
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  /// Every length around the ends of blocks, in every cut.
  @Test func `does not depend on how the bytes come`() {
    let message = (0..<140).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    for length in 0...message.count {
      let whole = SHA256.hash(Array(message[..<length]))
      for cut in stride(from: 0, through: length, by: 7) {
        var pieces = SHA256()
        pieces.update(Array(message[..<cut]))
        pieces.update(Array(message[cut..<length]))
        #expect(pieces.finish() == whole)
      }
    }
  }
}
